// The entry for OpenCode 2.x, which wants an object; 1.x gets the function of clankers.js. Events of 2.x are logged as
// they come, because their form was not observed. A context without a stream of events is that of 1.18.
export default {
  id: "clankers",
  setup: async (context) => {
    const recorder = quietly(() => (globalThis[KEY] ??= new Recorder()))
    if (!recorder || typeof context?.event?.subscribe !== "function") return
    const hear = (event) => quietly(() => recorder.event(event))
    listen(quietly(() => context.event.subscribe(hear)), hear)
    return async () => quietly(() => (recorder.end(), recorder.sync()))
  },
}

// A subscription may call back, be a stream of events, or become one. An event that comes both ways is one line.
async function listen(subscription, hear) {
  try {
    const found = await subscription
    const events = found?.stream ?? found
    if (events?.[Symbol.asyncIterator]) for await (const event of events) hear(event)
  } catch {}
}
