// Drives the official Node client: events as JSON lines on stdout, commands as lines on stdin.
const { LightstreamerClient, Subscription } = require("lightstreamer-client-node");
const readline = require("readline");

// Subscriptions, as JSON: lists of mode, item, fields and data adapter.
const [url, transport, user, password, wanted] = process.argv.slice(2);
const tell = (...event) => process.stdout.write(JSON.stringify(event) + "\n");

const client = new LightstreamerClient(url, null);
client.connectionDetails.setUser(user);
client.connectionDetails.setPassword(password);
if (transport !== "auto") client.connectionOptions.setForcedTransport(transport);
client.addListener({
  onStatusChange: (status) => tell("status", status),
  onServerError: (code, message) => tell("error", code, message),
});
const subscriptions = JSON.parse(wanted).map(([mode, item, fields, adapter]) => {
  const subscription = new Subscription(mode, [item], fields);
  if (adapter) subscription.setDataAdapter(adapter);
  subscription.setRequestedSnapshot("yes");
  subscription.addListener({
    onSubscription: () => tell("subscribed"),
    onUnsubscription: () => tell("unsubscribed"),
    onSubscriptionError: (code, message) => tell("refused", code, message),
    onItemUpdate: (update) => tell(
      "update", update.getItemName(), update.isSnapshot(), Object.fromEntries(fields.map((name) => [name, update.getValue(name)])),
    ),
  });
  client.subscribe(subscription);
  return subscription;
});
client.connect();
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  if (line === "unsubscribe") subscriptions.forEach((each) => client.unsubscribe(each));
  else if (line === "disconnect") client.disconnect();
  else if (line === "exit") { tell("bye"); process.exit(0); }
});
