// Drives ig-trading-api through one day at the simulator; what it saw goes to stdout as JSON lines.
const { APIClient } = require("ig-trading-api");

const [url, apiKey, username, password, account, epic] = process.argv.slice(2);
const tell = (...event) => process.stdout.write(JSON.stringify(event) + "\n");
const fail = (error) => {
  process.stderr.write(`${error && error.stack ? error.stack : error}\n`);
  process.exit(1);
};

async function main() {
  const client = new APIClient(url + "/", apiKey);
  await client.rest.login.createSession(username, password);
  tell("login");
  await client.rest.login.getSessionToken();
  tell("accounts", (await client.rest.account.getAccounts()).accounts);
  tell("session", await client.rest.login.getSession());
  tell("market", await client.rest.market.getMarketDetails(epic));
  tell("search", (await client.rest.market.searchMarkets("EUR/USD")).markets);
  let ticks = 0;
  const stream = client.stream.subscribeTicks([epic], (item, tick) => {
    ticks += 1;
    if (ticks <= 3) tell("tick", item, tick);
    if (ticks === 3) stream.unsubscribe(client.stream.tickSubscription);
  });
  stream.addListener({
    onStatusChange: (status) => tell("status", status),
    onServerError: (code, message) => fail(`the server said ${code} ${message}`),
  });
  client.stream.tickSubscription.addListener({
    onSubscriptionError: (code, message) => fail(`the server refused ${code} ${message}`),
    onUnsubscription: async () => {
      tell("unsubscribed");
      stream.disconnect();
      await client.rest.login.logout();
      tell("bye");
      process.exit(0);
    },
  });
}

main().catch(fail);
