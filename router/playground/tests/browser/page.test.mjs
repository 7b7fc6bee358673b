// Drives the machine's own Chromium against a running `ridegraph`, as a newcomer would.
//
// ROUTER_URL names the router, CHROMIUM the browser, SCREENSHOTS the folder for pictures of what was seen.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const { ROUTER_URL, CHROMIUM, SCREENSHOTS } = process.env;
assert.ok(ROUTER_URL && CHROMIUM && SCREENSHOTS, "ROUTER_URL, CHROMIUM and SCREENSHOTS must be set");

const email = `browser-${Date.now()}@example.com`;
const password = "a-long-enough-passphrase";
const complaints = [];
const strangers = [];
let browser;
let page;
let accessToken;

before(async () => {
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    // Root, as in CI, may not use the sandbox; and the browser must not phone home by itself.
    args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
  });
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: "light" });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error}`));
  page.on("requestfailed", (request) => {
    const { errorText } = request.failure();
    // The page lets go of a subscription that is complete, sometimes before its answer has ended.
    if (errorText !== "net::ERR_ABORTED") complaints.push(`${errorText}: ${request.url()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`);
  });
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== "data:" && origin !== new URL(ROUTER_URL).origin) strangers.push(request.url());
  });
});

after(async () => {
  await browser?.close();
});

/** Replaces the text of one of GraphiQL's editors. */
async function write(editor, text) {
  await page.locator(`${editor} .graphiql-editor:not(.hidden) .CodeMirror`).click();
  await page.keyboard.press("Control+A");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(text);
}

/** The text of one of GraphiQL's editors. */
function read(editor) {
  const place = page.locator(`${editor} .graphiql-editor:not(.hidden) .CodeMirror`);
  return place.evaluate((element) => element.CodeMirror.getValue());
}

/** Runs the operation of the open tab, and returns the answer. */
async function run() {
  const answered = page.waitForResponse((response) => response.request().method() === "POST");
  await page.getByRole("button", { name: /^Execute query/ }).click();
  await answered;
  await page.locator(".graphiql-spinner").waitFor({ state: "detached" });
  const text = await page.locator(".result-window .CodeMirror").evaluate((element) => element.CodeMirror.getValue());
  return JSON.parse(text);
}

test("the page loads under its policy, with the examples as tabs", async () => {
  const response = await page.goto(ROUTER_URL);
  assert.equal(response.status(), 200);
  assert.match(response.headers()["content-security-policy"], /^default-src 'none'; script-src 'self'/);
  await page.locator(".graphiql-container").waitFor();
  const tabs = await page.locator(".graphiql-tab-button").allTextContents();
  assert.deepEqual(tabs.slice(0, 4), ["Register", "Login", "Me", "Home"]);
  assert.equal(JSON.parse(await read("[aria-label='Variables']")).input.firstName, "Rita");
});

test("the first example registers a user when it is run", async () => {
  const variables = { input: { email, password, firstName: "Rita", lastName: "Rider" } };
  await write("[aria-label='Variables']", JSON.stringify(variables, null, 2));
  const { data, errors } = await run();
  assert.equal(errors, undefined);
  assert.deepEqual(data.registerUser.problems, []);
  assert.match(data.registerUser.user.displayName, /^Rita /);
  accessToken = data.registerUser.tokens.accessToken;
});

test("a token in the headers says who asks", async () => {
  await page.getByRole("tab", { name: "Me", exact: true }).click();
  await page.getByRole("button", { name: "Headers", exact: true }).click();
  await write("[aria-label='Headers']", JSON.stringify({ authorization: `Bearer ${accessToken}` }));
  const { data, errors } = await run();
  assert.equal(errors, undefined);
  assert.equal(data.me.email, email);
  assert.deepEqual(data.me.roles, ["RIDER"]);
  await page.screenshot({ path: `${SCREENSHOTS}/answer.png` });
});

/** Sends an operation as the one who registered, and returns its data. */
async function ask(query, variables) {
  const response = await fetch(new URL("/graphql", ROUTER_URL), {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${accessToken}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data;
}

/** Requests a ride across the town, and returns its id. */
async function requestRide() {
  const pickup = { address: "Alexanderplatz", coordinates: { latitude: 52.5208, longitude: 13.4094 } };
  const dropoff = { address: "Brandenburger Tor", coordinates: { latitude: 52.5163, longitude: 13.3777 } };
  const { serviceChannels } = await ask(
    `query ($from: CoordinatesInput!, $to: CoordinatesInput!) {
      serviceChannels(first: 1) { nodes { products { id quote(pickup: $from, dropoff: $to) { token } } } }
    }`,
    { from: pickup.coordinates, to: dropoff.coordinates },
  );
  const [product] = serviceChannels.nodes[0].products;
  const input = { productId: product.id, pickup, dropoff, quoteToken: product.quote.token, idempotencyKey: email };
  const selection = "{ ride { id } problems { code message } }";
  const { requestRide } = await ask(
    `mutation ($input: RequestRideInput!) { requestRide(input: $input) ${selection} }`,
    { input },
  );
  assert.deepEqual(requestRide.problems, []);
  return requestRide.ride.id;
}

test("a subscription shows what happens while it happens", async () => {
  const id = await requestRide();
  await page.getByRole("button", { name: "New tab" }).click();
  const operation = "subscription Watch($id: ID!) { rideUpdated(rideId: $id) { status rider { displayName } } }";
  await write("[aria-label='Query Editor']", operation);
  await page.getByRole("button", { name: "Variables", exact: true }).click();
  await write("[aria-label='Variables']", JSON.stringify({ id }));
  await page.getByRole("button", { name: "Headers", exact: true }).click();
  await write("[aria-label='Headers']", JSON.stringify({ authorization: `Bearer ${accessToken}` }));
  const begun = page.waitForResponse((response) => response.request().method() === "POST");
  await page.getByRole("button", { name: /^Execute query/ }).click();
  assert.match((await begun).headers()["content-type"], /^text\/event-stream/);
  const input = { rideId: id, reason: "CHANGED_MIND" };
  const { cancelRide } = await ask(
    "mutation ($input: CancelRideInput!) { cancelRide(input: $input) { problems { code } } }",
    { input },
  );
  assert.deepEqual(cancelRide.problems, []);
  const result = page.locator(".result-window");
  await result.getByText("CANCELLED").waitFor();
  // Who rides is known to another service, which is asked for each event.
  await result.getByText("Rita").waitFor();
  // The ride is over, and so is the subscription.
  await page.getByRole("button", { name: /^Execute query/ }).waitFor();
  await page.screenshot({ path: `${SCREENSHOTS}/subscription.png` });
});

test("the documentation shows the schema", async () => {
  await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
  const docs = page.locator(".graphiql-doc-explorer");
  await docs.getByRole("link", { name: "Query", exact: true }).click();
  await docs.getByText("The signed-in user; null when the request is anonymous.").waitFor();
  await docs.getByRole("link", { name: "User", exact: true }).first().click();
  const title = await docs.locator(".graphiql-doc-explorer-title").textContent();
  assert.equal(title, "User");
  await page.screenshot({ path: `${SCREENSHOTS}/documentation.png` });
});

test("the editor knows the schema: an unknown field is marked, and refused", async () => {
  await page.getByRole("button", { name: "New tab" }).click();
  await write("[aria-label='Query Editor']", "{ me { shoeSize } }");
  await page.locator(".CodeMirror-lint-mark-error").first().waitFor();
  const { errors } = await run();
  assert.equal(errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
});

test("every example is an operation of this schema", async () => {
  const texts = await page.locator("template").evaluateAll((all) => all.map((one) => one.content.textContent));
  const operations = texts.flatMap((query) =>
    Array.from(query.matchAll(/^(?:query|mutation) (\w+)/gm), ([, operationName]) => ({ query, operationName })),
  );
  assert.ok(operations.length >= texts.length && texts.length > 3);
  for (const operation of operations) {
    // Without its variables: what is valid is refused for the lack of them, or asks as nobody.
    const response = await fetch(new URL("/graphql", ROUTER_URL), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(operation),
    });
    const { errors = [] } = await response.json();
    for (const error of errors) {
      assert.doesNotMatch(error.extensions.code, /^GRAPHQL_/, `${operation.operationName}: ${error.message}`);
    }
  }
});

test("nothing was asked of another host, and the console is clean", () => {
  assert.deepEqual(strangers, []);
  // A refused operation answers with a 4xx status, which the browser reports too.
  assert.deepEqual(complaints.filter((complaint) => !/\b400\b/.test(complaint)), []);
});
