// Loaded by Node before the identity providers of samlp and samlify: has them check the signatures of what they get on
// demand, keep the sessions they opened, begin a logout at /logout, and read the answer to it. Their web parts leave that
// out, do not hand over the raw query, which samlify needs for it, and tell samlp of a body where there is none, so that
// it takes a Redirect for a POST.
const fs = require("node:fs");
const http = require("node:http");
const Module = require("node:module");

const run = process.env.INTEROP_RUN;
const option = (name) => {
  const path = `${run}/options.json`;
  return fs.existsSync(path) && Boolean(JSON.parse(fs.readFileSync(path, "utf8"))[name]);
};
const ourMetadata = () => fs.readFileSync(`${run}/sp.xml`, "utf8");

let asked = "";
let beginLogout; // what /logout does: (its parameters) => {url} or {form: {action, fields}}
let readAnswer; // what /slo does with an answer, if it is not the web part that reads it: ({method, params}) => any
const octets = () => (asked.split("?")[1] || "").replace(/&Signature=.*/, "");
const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const page = ({ action, fields }) =>
  `<!DOCTYPE html><form method="post" action="${escape(action)}">${Object.entries(fields).map(([name, value]) =>
    `<input type="hidden" name="${name}" value="${escape(value)}">`).join("")}</form>`;

// Answers the two paths; false if the web part is to.
const answer = async (request, body) => {
  const url = new URL(request.url, "http://127.0.0.1");
  const params = Object.fromEntries(request.method === "POST" ? new URLSearchParams(body) : url.searchParams);
  if (url.pathname === "/logout" && beginLogout) {
    const begun = await beginLogout(params);
    return begun.url ? [302, { location: begun.url }, ""] : [200, { "content-type": "text/html" }, page(begun.form)];
  }
  if (url.pathname === "/slo" && params.SAMLResponse && readAnswer) {
    await readAnswer({ method: request.method, params });
    return [200, { "content-type": "text/html" }, "signed out"];
  }
  return false;
};

const { createServer } = http;
http.createServer = (listener) =>
  createServer(async (request, response) => {
    asked = request.url;
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    try {
      const done = await answer(request, Buffer.concat(chunks).toString());
      if (done) return response.writeHead(done[0], done[1]).end(done[2]);
    } catch (error) {
      return response.writeHead(400).end(String(error && error.stack));
    }
    request[Symbol.asyncIterator] = async function* () { yield* chunks; };
    return listener(request, response);
  });

const hooks = {
  samlp: (samlp) => {
    const signingCert = ourMetadata().match(/use="signing".*?<ds:X509Certificate>\s*(.*?)\s*</s)[1];
    const slo = (ourMetadata().match(/<md:SingleLogoutService [^>]*Location="([^"]*)"/) || [])[1];
    const parseRequest = (request, options, done) => {
      const came = request.method === "GET" ? { ...request, body: {} } : request;
      return samlp.parseRequest(came, option("check_requests") ? { ...options, signingCert } : options, done);
    };
    const SessionParticipants = Module.createRequire(`${process.env.NODE_DIR}/`)("samlp/lib/sessionParticipants");
    const participants = [];
    const getSamlResponse = (options, user, done) => {
      participants.length = 0;
      participants.push({ serviceProviderId: options.audience, sessionIndex: options.sessionIndex, nameId: user.name,
        nameIdFormat: user.format, serviceProviderLogoutURL: slo });
      return samlp.getSamlResponse(options, user, done);
    };
    // Without a certificate of the participant's samlp checks no signature. `deflate` is about Redirect, whatever came.
    const logout = (options) => {
      for (const one of participants) one.cert = option("check_requests") ? signingCert : undefined;
      const clearIdPSession = (done) => done(option("slo_status") ? new Error("as it was told to say") : undefined);
      const sessionParticipants = new SessionParticipants(participants);
      return samlp.logout({ ...options, deflate: true, sessionParticipants, clearIdPSession });
    };
    const value = { parseRequest, getSamlResponse, logout };
    return new Proxy(samlp, { get: (whole, name) => value[name] || whole[name] });
  },
  samlify: (samlify) => {
    let idp, sp;
    const IdentityProvider = (settings) => {
      const checked = option("check_requests");
      idp = samlify.IdentityProvider({ ...settings, wantAuthnRequestsSigned: checked, wantLogoutRequestSigned: checked,
        wantLogoutResponseSigned: checked });
      const parse = idp.parseLoginRequest.bind(idp);
      idp.parseLoginRequest = (from, binding, request) => parse(from, binding, { ...request, octetString: octets() });
      return idp;
    };
    const ServiceProvider = (settings) => {
      sp = samlify.ServiceProvider({ ...settings, wantLogoutRequestSigned: true });
      return sp;
    };
    beginLogout = ({ name, index, rs }) => {
      const binding = option("slo_by_post") ? "post" : "redirect";
      const out = idp.createLogoutRequest(sp, binding, { logoutNameID: name, sessionIndex: index }, { relayState: rs });
      if (binding === "redirect") return { url: out.context };
      return { form: { action: out.entityEndpoint, fields: { SAMLRequest: out.context, RelayState: rs } } };
    };
    readAnswer = ({ method, params }) =>
      IdentityProvider(idp.entitySetting).parseLogoutResponse(sp, method === "GET" ? "redirect" : "post",
        { query: params, body: params, octetString: octets() });
    return Object.create(samlify, { IdentityProvider: { value: IdentityProvider }, ServiceProvider: { value: ServiceProvider } });
  },
};

const load = Module._load;
Module._load = (name, ...rest) => {
  const loaded = load(name, ...rest);
  return Object.hasOwn(hooks, name) ? hooks[name](loaded) : loaded;
};
