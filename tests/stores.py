"""Starts the stores for tests/stores.rs, lets many processes claim, kills the stores meanwhile, and counts.

Usage: stores.py PROGRAM EXAMPLE DIRECTORY. An assertion that two claims were told is theirs ends the run.
"""

import glob
import os
import signal
import socket
import subprocess
import sys
import time

PROGRAM, EXAMPLE, WORK = sys.argv[1:]
PROCESSES = 4
# By how many threads of each process an assertion is presented where the store is killed, which has fewer of them.
TIMES = {"redis": 2, "postgres": 1}
COUNTS = {"redis": int(os.environ.get("STORES_REDIS", 100_000)), "postgres": int(os.environ.get("STORES_POSTGRES", 5_000))}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, ready):
    end = time.monotonic() + 60
    while not ready():
        if time.monotonic() > end:
            for log in glob.glob(os.path.join(WORK, "*.log")):
                with open(log, errors="replace") as lines:
                    print(f"stores: the end of {os.path.basename(log)}:", *lines.readlines()[-15:], sep="\n  ", file=sys.stderr)
            sys.exit(f"stores: waited too long for {what}")
        time.sleep(0.05)


def descendants(pid):
    """All processes below one, from the table of processes; a store's own, and nobody else's."""
    parents = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.split("/")[2])] = int(fields[1])
    found = [pid]
    for above in found:
        found += [below for below, parent in parents.items() if parent == above]
    return found


class Store:
    def __init__(self):
        self.port = free_port()
        self.directory = os.path.join(WORK, self.name)
        os.mkdir(self.directory)
        self.running = None

    def launch(self):
        with open(os.path.join(WORK, self.name + ".log"), "a") as log:
            self.running = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        self.launch()
        wait_for(self.name, self.ready)

    def kill(self):
        """All at once, and then again: a process that was being made meanwhile has no parent any more, and works where
        the others did."""
        found = descendants(self.running.pid)
        while found:
            for pid in found:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            found = self.working()
        self.running.wait()
        self.running = None

    def working(self):
        """Processes that have their working directory in the store's; one that has ended has none."""
        found = []
        for path in glob.glob("/proc/[0-9]*/cwd"):
            try:
                if os.readlink(path).startswith(self.directory):
                    found.append(int(path.split("/")[2]))
            except OSError:
                continue
        return found


class Redis(Store):
    name = "redis"

    def __init__(self):
        super().__init__()
        self.url = f"redis://127.0.0.1:{self.port}/"

    def command(self):
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory, "--save", "",
                "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"]

    def ready(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as asked:
                asked.sendall(b"PING\r\n")
                return asked.recv(64) == b"+PONG\r\n"
        except OSError:
            return False

    def empty(self):
        subprocess.run(["rm", "-rf", self.directory], check=True)
        os.mkdir(self.directory)


class Postgres(Store):
    name = "postgres"

    def __init__(self):
        super().__init__()
        self.url = f"postgres://app@127.0.0.1:{self.port}/postgres"
        self.programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        # It refuses to run as root.
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if self.as_user:
            os.chmod(WORK, 0o711)
            subprocess.run(["chown", "postgres", self.directory], check=True)
        initdb = [f"{self.programs}/initdb", "-D", f"{self.directory}/data", "-U", "app", "--auth=trust"]
        subprocess.run(self.as_user + initdb, check=True, stdout=subprocess.DEVNULL, cwd="/")

    def command(self):
        # Each thread has a connection of its own; otherwise as it comes, so that what it confirms is on the disk.
        settings = ["-p", str(self.port), "-h", "127.0.0.1", "-k", "", "-c", f"max_connections={PROCESSES * 64 + 20}"]
        return self.as_user + [f"{self.programs}/postgres", "-D", f"{self.directory}/data"] + settings

    def ready(self):
        if self.running.poll() is not None:
            # Some process of the one that was killed is not quite gone.
            self.launch()
        asked = [f"{self.programs}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "app"]
        return subprocess.run(asked).returncode == 0


class Processes:
    """Those that claim. They live through a loss, because what they remember is the defence."""

    def __init__(self, store, run, times, count=PROCESSES):
        self.files = [os.path.join(WORK, f"accepted-{run}-{at}") for at in range(count)]
        self.all, self.times = [], times
        for file in self.files:
            open(file, "w").close()
            env = dict(os.environ, STORE=store.url, STORE_ISSUER=f"https://idp.example/{store.name}", STORE_ACCEPTED=file, STORE_TIMES=str(self.times))
            command = [PROGRAM, "--exact", "of_all_who_present_an_assertion_one_is_let_in", "--nocapture"]
            self.all.append(subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1))

    def begin(self, count):
        self.count = count
        for process in self.all:
            process.stdin.write(f"{count}\n")
            process.stdin.flush()

    def end(self):
        """What became of the claims: accepted, replayed, unavailable, and whatever there should not be."""
        total = [0] * 4
        for process in self.all:
            for line in process.stdout:
                if line.startswith("passed "):
                    break
            else:
                sys.exit("stores: a process ended early")
            total = [a + int(b) for a, b in zip(total, line.split()[1:])]
        assert sum(total) == len(self.all) * self.times * self.count, total
        assert total[3] == 0, total
        return total[:3]

    def accepted(self):
        found = []
        for file in self.files:
            with open(file) as lines:
                found += map(int, lines.read().split("\n")[:-1])
        return found

    def stop(self):
        for process in self.all:
            process.stdin.close()
            if process.stdout.read() is None or process.wait() != 0:
                sys.exit("stores: a process failed")


def twice(numbers):
    return len(numbers) - len(set(numbers))


def check(store, what, fits, *found):
    if not fits:
        sys.exit(f"stores: {store.name}: {what}: {found}")


def all_at_once(store, count):
    """Nothing happens to the store: each is accepted once, and every other claim is told so."""
    begun = time.monotonic()
    processes = Processes(store, f"{store.name}-calm", 1)
    processes.begin(count)
    accepted, replayed, unavailable = processes.end()
    span = time.monotonic() - begun
    numbers = processes.accepted()
    processes.stop()
    check(store, "each is accepted once", sorted(numbers) == list(range(count)), accepted, replayed, unavailable)
    check(store, "the others are replays", (accepted, unavailable) == (count, 0), accepted, replayed, unavailable)
    claims = accepted + replayed
    print(f"stores: {store.name}: {count} assertions accepted once each, {replayed} replays refused; {claims} claims in {span:.1f} s, {claims / span:.0f}/s", flush=True)


def killed_meanwhile(store, count, forgets):
    """The store is killed after some of the claims, and comes back; then all are presented twice more."""
    run = "forgets" if forgets else "killed"
    processes = Processes(store, f"{store.name}-{run}", TIMES[store.name])
    processes.begin(count)
    wait_for("some claims", lambda: len(processes.accepted()) > count // 20)
    store.kill()
    if forgets:
        store.empty()
    store.start()
    first = processes.end()
    before = len(processes.accepted())
    check(store, "the kill was felt", first[2] > 0 and before < count, first)
    # Some fail because their connection is of the time before; the third turn has none of these.
    again = []
    for _ in range(2):
        processes.begin(count)
        again.append(processes.end())
    numbers = processes.accepted()
    processes.stop()
    check(store, "nothing is accepted twice", twice(numbers) == 0, twice(numbers), first, again)
    check(store, "what was claimed before is claimed", before > 0, before)
    if forgets:
        check(store, "after a loss everything is refused", again[1] == [0, 0, PROCESSES * TIMES[store.name] * count], again)
    else:
        # Those that are missing were recorded, and the reply did not arrive: one for each connection at most.
        lost = count - len(numbers)
        check(store, "the others are accepted afterwards", lost <= PROCESSES * 64 and again[1][2] == 0, lost, first, again)
    print(f"stores: {store.name}: {run}: of {count} assertions {before} accepted before it was back, {len(numbers) - before} after, none twice; unavailable {first[2]}, {again[0][2]}, {again[1][2]}", flush=True)


def control(store, count):
    """A process that remembers nothing takes an empty store for a new one, as documented; and it shows that what is
    accepted twice would be seen."""
    store.kill()
    store.empty()
    store.start()
    runs = []
    for run in ("first", "second"):
        processes = Processes(store, f"{store.name}-control-{run}", 1, 1)
        processes.begin(count)
        processes.end()
        runs += processes.accepted()
        processes.stop()
        if run == "first":
            store.kill()
            store.empty()
            store.start()
    check(store, "the control sees what is accepted twice", twice(runs) == count, twice(runs))
    print(f"stores: {store.name}: control: {count} seen that were accepted twice", flush=True)


def own_test(name, mark, **env):
    command = [PROGRAM, "--exact", name, "--nocapture"]
    done = subprocess.run(command, env=dict(os.environ, **env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0 or mark not in done.stdout:
        sys.exit(f"stores: {name} failed:\n{done.stdout}")
    print(f"stores: {name}", flush=True)


stores = []
try:
    redis = Redis()
    stores.append(redis)
    redis.start()
    own_test("a_real_redis_remembers_and_knows_when_it_does_not", "Redis was tested", REDIS_URL=redis.url)
    redis.kill()
    redis.empty()
    redis.start()
    all_at_once(redis, COUNTS["redis"])
    for forgets in (False, True):
        redis.kill()
        redis.empty()
        redis.start()
        killed_meanwhile(redis, COUNTS["redis"] // 10, forgets)
    control(redis, 100)
    redis.kill()

    postgres = Postgres()
    stores.append(postgres)
    postgres.start()
    own_test("a_real_postgresql_remembers_until_nothing_can_hold", "PostgreSQL was tested", DATABASE_URL=postgres.url)
    done = subprocess.run([EXAMPLE], env=dict(os.environ, DATABASE_URL=postgres.url), capture_output=True, text=True)
    check(postgres, "the example", done.returncode == 0 and "second time: " in done.stdout and "used" in done.stdout.split("second time: ")[1], done)
    all_at_once(postgres, COUNTS["postgres"])
    empty = ["psql", "-q", "-c", "TRUNCATE used_assertions", postgres.url]
    subprocess.run(empty, check=True)
    killed_meanwhile(postgres, COUNTS["postgres"], False)
finally:
    for store in stores:
        if store.running:
            store.kill()
