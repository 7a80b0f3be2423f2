"""What the hooks of the two identity providers in Python share: the options of the moment."""
import json
import os


def checks_requests():
    """Whether it is to look at the signatures of requests now. Without the file it has been told nothing yet."""
    path = os.environ["INTEROP_RUN"] + "/options.json"
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as f:
        return json.load(f).get("check_requests", False)
