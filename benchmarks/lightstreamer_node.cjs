// lightstreamer-client-node against the benchmark's server: argv port, server settings, updates, "read" or "late".
const { LightstreamerClient, Subscription } = require('lightstreamer-client-node');

const [port, settings, countText, kind] = process.argv.slice(2);
const count = Number(countText);
const FIELDS = ['BID', 'OFFER', 'UPDATE_TIME', 'MARKET_STATE', 'CHANGE'];
const items = [...Array(20).keys()].map((n) => `MARKET:CS.D.PAIR${String(n).padStart(2, '0')}.CFD.IP`);
const cpuSeconds = () => { const used = process.cpuUsage(); return (used.user + used.system) / 1e6; };
let seen = 0, start, cpu, read;

const client = new LightstreamerClient(`http://127.0.0.1:${port}`, 'DEFAULT');
client.connectionDetails.setUser(settings);
client.connectionOptions.setForcedTransport('WS-STREAMING');
const subscription = new Subscription('MERGE', items, FIELDS);
subscription.addListener({
  onSubscription() { cpu = cpuSeconds(); },
  onItemUpdate(update) {
    read = [update.getValue('BID'), update.getValue('OFFER'), update.getValue('UPDATE_TIME'),
      update.getValue('MARKET_STATE'), update.getValue('CHANGE')];
    seen += 1;
    if (seen === 1) start = process.hrtime.bigint();
    if (seen === count) {
      const seconds = Number(process.hrtime.bigint() - start) / 1e9;
      console.log(JSON.stringify({ seconds, cpu_us: (cpuSeconds() - cpu) / count * 1e6, read: read.length }));
      process.exit(0);
    }
  },
});
client.subscribe(subscription);
client.connect();
