// Loaded by Node before the identity providers of samlp and samlify: has them check the signatures of requests on
// demand. Their web parts leave that out, do not hand over the raw query, which samlify needs for it, and tell samlp of
// a body where there is none, so that it takes a Redirect for a POST.
const fs = require("node:fs");
const http = require("node:http");
const Module = require("node:module");

const run = process.env.INTEROP_RUN;
const checksRequests = () => {
  const path = `${run}/options.json`;
  return fs.existsSync(path) && Boolean(JSON.parse(fs.readFileSync(path, "utf8")).check_requests);
};

let asked = "";
const { createServer } = http;
http.createServer = (listener) =>
  createServer((request, response) => {
    asked = request.url;
    return listener(request, response);
  });

const hooks = {
  samlp: (samlp) => {
    const sp = fs.readFileSync(`${run}/sp.xml`, "utf8");
    const signingCert = sp.match(/use="signing".*?<ds:X509Certificate>\s*(.*?)\s*</s)[1];
    const parseRequest = (request, options, done) => {
      const came = request.method === "GET" ? { ...request, body: {} } : request;
      return samlp.parseRequest(came, checksRequests() ? { ...options, signingCert } : options, done);
    };
    return Object.create(samlp, { parseRequest: { value: parseRequest } });
  },
  samlify: (samlify) => {
    const IdentityProvider = (settings) => {
      const idp = samlify.IdentityProvider({ ...settings, wantAuthnRequestsSigned: checksRequests() });
      const parse = idp.parseLoginRequest.bind(idp);
      idp.parseLoginRequest = (sp, binding, request) => {
        const octetString = (asked.split("?")[1] || "").replace(/&Signature=.*/, "");
        return parse(sp, binding, { ...request, octetString });
      };
      return idp;
    };
    return Object.create(samlify, { IdentityProvider: { value: IdentityProvider } });
  },
};

const load = Module._load;
Module._load = (name, ...rest) => {
  const loaded = load(name, ...rest);
  return Object.hasOwn(hooks, name) ? hooks[name](loaded) : loaded;
};
