// Sends what a shop's server sends, with @segment/analytics-node. usage: node node.mjs URL PACKAGES

import { createRequire } from "node:module";

const [url, packages] = process.argv.slice(2);
const { Analytics } = createRequire(`${packages}/`)("@segment/analytics-node");

const analytics = new Analytics({ writeKey: "local", host: url, flushAt: 4, flushInterval: 200, maxRetries: 5 });
analytics.on("error", (error) => {
  console.error(error.code, error.reason?.message ?? "");
  process.exitCode = 1;
});

const show = { show_id: "spring" };
analytics.track({ anonymousId: "node-device", event: "Live Room Entered", properties: show });
analytics.identify({
  userId: "node-user",
  anonymousId: "node-device",
  traits: { email: "node@example.com", name: "兰 👋" },
});
analytics.track({
  userId: "node-user",
  event: "Message Consent Updated",
  properties: { purpose: "marketing", channel: "all", state: "granted" },
});
analytics.track({ userId: "node-user", event: "Live Comment Sent", properties: { ...show, text: "多少钱" } });
analytics.page({ userId: "node-user", name: "Product", properties: { url: "https://shop.example/p1" } });
analytics.screen({ userId: "node-user", name: "Product" });
analytics.group({ userId: "node-user", groupId: "vips" });
analytics.alias({ userId: "node-user-2", previousId: "node-user" });
analytics.track({
  userId: "node-user",
  event: "Order Completed",
  properties: { ...show, order_id: "node-1", total: 88.5, currency: "CNY" },
});
for (let number = 0; number < 10; number++) {
  analytics.track({ userId: "node-user", event: "Live Liked", properties: { ...show, number } });
}
await analytics.closeAndFlush({ timeout: 60_000 });
