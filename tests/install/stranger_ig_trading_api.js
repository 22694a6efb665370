// Drives ig-trading-api through the jobs it is given; what each call returned goes to stdout as JSON lines.
const { APIClient } = require("ig-trading-api");

const [url, apiKey, username, password, account, epic, login, day, ...jobs] = process.argv.slice(2);
const guaranteedEpic = "CS.D.GBPUSD.MINI.IP";
const tell = (...event) => process.stdout.write(JSON.stringify(event) + "\n");
const fail = (error) => {
  process.stderr.write(`${error && error.stack ? error.stack : error}\n`);
  process.exit(1);
};
const client = new APIClient(url + "/", apiKey);
const rest = client.rest;
const round = (level) => Number(level.toFixed(5));
const daysAgo = (days) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 19);

// Tell what a call returned, or how it failed: the story goes on.
async function show(name, call, pick = (value) => value) {
  try {
    const value = await call();
    tell(name, pick(value));
    return value;
  } catch (error) {
    const answer = error.response && error.response.data;
    tell("failed", name, `${error.name}: ${(answer && answer.errorCode) || error.message}`);
    return null;
  }
}

async function session() {
  await show("accounts", () => rest.account.getAccounts(), (reply) => reply.accounts);
  await show("session", () => rest.login.getSession());
  await show("refreshed", () => rest.login.refreshToken());
  await show("session after the refresh", () => rest.login.getSession());
}

async function switched() {
  await show("switched", () => rest.login.switchAccount("XYZ987"));
  await show("session after the switch", () => rest.login.getSession());
  await show("switched back", () => rest.login.switchAccount(account));
}

async function markets() {
  await show("market v1", () => rest.market.getMarketDetails(epic));
  await show("markets v1", () => rest.market.getMarketDetails([epic]), (reply) => reply.marketDetails);
  await show("search", () => rest.market.searchMarkets("EUR/USD"), (reply) => reply.markets);
  const top = await show("navigation", () => rest.market.getMarketCategories());
  const branch = await show("branch", () => rest.market.getMarketCategories(top.nodes[0].id));
  await show("leaf", () => rest.market.getMarketCategories(branch.nodes[0].id));
}

async function prices() {
  const candles = (reply) => reply.prices;
  const ends = [`${day}T10:00:00`, `${day}T13:00:00`];
  await show("prices v3 range", () => rest.market.price.getPricesBetweenDates(epic, "HOUR", ...ends), candles);
  await show("prices v3 number", () => rest.market.price.getPrices(epic, "HOUR_4", 5), candles);
  await show("prices v3 last page", () => rest.market.price.getPrices(epic, "MINUTE", 25, 10, 3), candles);
}

// It asks for a confirm again and again until it is there.
async function dealt(name, call) {
  return await show(name, async () => rest.dealing.confirmTrade(await call()));
}

const opened = (name, direction, size, more = {}) => dealt(name, () => rest.dealing.createPosition({
  currencyCode: "USD", direction, epic, expiry: "-", forceOpen: true, guaranteedStop: false, orderType: "MARKET", size, ...more,
}));
const closed = (name, { dealId }, direction, size) =>
  dealt(name, () => rest.dealing.closePosition({ dealId, direction, orderType: "MARKET", size }));

async function deals() {
  const market = await opened("market", "BUY", 1);
  const limit = await opened("limit", "BUY", 2, { orderType: "LIMIT", level: 2 });
  const sell = await opened("sell", "SELL", 2, { stopDistance: 20, limitDistance: 30 });
  const sure = await opened("guaranteed", "BUY", 1, { epic: guaranteedEpic, guaranteedStop: true, stopDistance: 30 });
  await opened("too small", "BUY", 0.01);
  await show("positions v2", () => rest.dealing.getAllOpenPositions(), (reply) => reply.positions);
  await show("position v2", () => rest.dealing.getPosition(sell.dealId));
  const legs = { stopLevel: round(sell.level + 0.005), limitLevel: round(sell.level - 0.006) };
  await dealt("amended", () => rest.dealing.updatePosition(sell.dealId, legs));
  await closed("part", sell, "BUY", 1);
  await closed("whole", sell, "BUY", 1);
  await closed("market closed", market, "SELL", 1);
  await closed("limit closed", limit, "SELL", 2);
  await closed("sure closed", sure, "SELL", 1);
  await show("accounts after", () => rest.account.getAccounts(), (reply) => reply.accounts);
}

async function orders() {
  const { bid } = (await rest.market.getMarketDetails(epic)).snapshot;
  const common = { currencyCode: "USD", epic, expiry: "-", forceOpen: true, guaranteedStop: false, size: 1 };
  const kind = { timeInForce: "GOOD_TILL_CANCELLED", type: "LIMIT" };
  const legs = { limitDistance: 20, stopDistance: 20 };
  const order = await dealt("order", () =>
    rest.dealing.createOrder({ ...common, ...kind, ...legs, direction: "BUY", level: round(bid - 0.01) }));
  const goodTillDate = daysAgo(-1).replace(/-/g, "/").replace("T", " ");
  const dated = { timeInForce: "GOOD_TILL_DATE", goodTillDate, type: "STOP" };
  const till = await dealt("order till", () =>
    rest.dealing.createOrder({ ...common, ...dated, direction: "SELL", level: round(bid - 0.02) }));
  await show("orders v2", () => rest.dealing.getAllOrders(), (reply) => reply.workingOrders);
  const change = { ...kind, level: round(bid - 0.015), limitDistance: 25, stopDistance: 25 };
  await dealt("order amended", () => rest.dealing.updateOrder(order.dealId, change));
  await dealt("order deleted", () => rest.dealing.deleteOrder(order.dealId));
  await dealt("order till deleted", () => rest.dealing.deleteOrder(till.dealId));
  await show("orders after", () => rest.dealing.getAllOrders(), (reply) => reply.workingOrders);
}

async function records() {
  const from = daysAgo(30);
  const activities = (reply) => reply.activities;
  await show("activity v3", () => rest.account.getActivityHistory({ from, detailed: true, pageSize: 500 }), activities);
  const rows = (reply) => reply.transactions;
  await show("transactions v2", () => rest.account.getTransactionHistory({ from, type: "ALL", pageSize: 500 }), rows);
}

// ---- the stream

const waiting = [];
const wait = (wanted) => new Promise((resolve) => waiting.push({ wanted, resolve }));
function heard(...event) {
  tell(...event);
  for (const each of waiting.filter(({ wanted }) => wanted(...event))) {
    waiting.splice(waiting.indexOf(each), 1);
    each.resolve();
  }
}
function counted(kind, count) {
  return wait((...event) => event[0] === kind && --count <= 0);
}
function listen(stream) {
  stream.addListener({
    onStatusChange: (status) => heard("status", status),
    onServerError: (code, message) => fail(`the server said ${code} ${message}`),
  });
}

// Three ticks, given up again.
async function ticks() {
  let count = 0;
  const seen = wait((kind) => kind === "tick" && count === 3);
  const stream = client.stream.subscribeTicks([epic], (item, tick) => {
    count += 1;
    if (count <= 3) heard("tick", item, tick);
  });
  listen(stream);
  const over = counted("unsubscribed", 1);
  client.stream.tickSubscription.addListener({
    onSubscriptionError: (code, message) => fail(`the server refused ${code} ${message}`),
    onUnsubscription: () => heard("unsubscribed"),
  });
  await seen;
  stream.unsubscribe(client.stream.tickSubscription);
  await over;
  stream.disconnect();
}

// A deal seen on the stream; a LOOP and a break, which requests bring about, and what comes after them.
async function watch() {
  const first = [counted("candle", 1), counted("account", 1)];
  client.stream.subscribeCandles([epic], "SECOND", (item, candle) => heard("candle", item, candle));
  client.stream.subscribeAccount((item, figures) => heard("account", item, figures));
  const stream = client.stream.subscribeTrade((item, { CONFIRMS, OPU, WOU }) => heard("trade", item, { CONFIRMS, OPU, WOU }));
  listen(stream);
  const made = counted("trade subscribed", 1);
  client.stream.tradeSubscription.addListener({ onSubscription: () => heard("trade subscribed") });
  await Promise.all([...first, made]);
  const opening = counted("trade", 2);
  const deal = await opened("streamed", "BUY", 1);
  await opening;
  for (const name of ["before the LOOP", "before the break"]) {
    await show(name, () => rest.market.getMarketCategories());
    const now = new Date().toISOString();
    await wait((kind, item, candle) => kind === "candle" && candle.snapshotTimeUTC > now.slice(0, 19));
  }
  const closing = counted("trade", 2);
  await closed("streamed closed", deal, "SELL", 1);
  await closing;
  stream.disconnect();
}

async function main() {
  await rest.login.createSession(username, password);
  tell("login");
  const known = { session, switch: switched, markets, prices, deals, orders, records, ticks, watch };
  for (const job of jobs) await known[job]();
  await rest.login.logout();
  tell("bye");
  process.exit(0);
}

main().catch(fail);
