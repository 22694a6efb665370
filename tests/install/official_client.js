// Drives the official Node client: events as JSON lines on stdout, commands as lines on stdin.
const { LightstreamerClient, Subscription } = require("lightstreamer-client-node");
const readline = require("readline");

const [url, transport, item, user, password] = process.argv.slice(2);
const fields = ["BIDPRICE1", "ASKPRICE1", "TIMESTAMP"];
const tell = (...event) => process.stdout.write(JSON.stringify(event) + "\n");

const client = new LightstreamerClient(url, null);
client.connectionDetails.setUser(user);
client.connectionDetails.setPassword(password);
if (transport !== "auto") client.connectionOptions.setForcedTransport(transport);
client.addListener({
  onStatusChange: (status) => tell("status", status),
  onServerError: (code, message) => tell("error", code, message),
});
const subscription = new Subscription("MERGE", [item], fields);
subscription.setDataAdapter("Pricing");
subscription.setRequestedSnapshot("yes");
subscription.addListener({
  onSubscription: () => tell("subscribed"),
  onUnsubscription: () => tell("unsubscribed"),
  onSubscriptionError: (code, message) => tell("refused", code, message),
  onItemUpdate: (update) => tell("update", update.isSnapshot(), ...fields.map((name) => update.getValue(name))),
});
client.subscribe(subscription);
client.connect();
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  if (line === "unsubscribe") client.unsubscribe(subscription);
  else if (line === "disconnect") client.disconnect();
  else if (line === "exit") { tell("bye"); process.exit(0); }
});
