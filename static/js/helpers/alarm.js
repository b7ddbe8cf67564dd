// The alarm of an open page: a desktop notification and two tones when an alert begins to fire. Off until it is switched on here.
//
//   const stop = startAlarm(document.getElementById("alarm"), store)

const KEPT_AS = "alarm"
const TONES = [880, 660] // Hz
const TONE = 0.18 // s
const LOUDNESS = 0.2

export class Alarm {
  #known = null // id → status; null before the first picture
  #tell

  constructor(tell) {
    this.#tell = tell
  }

  // What the store told of alerts. The first picture is what there was: it rings for nothing.
  hear({ kind, data }) {
    if (kind === "error") return
    const alerts = (kind === "snapshot" ? data.items : data).filter((alert) => !alert.removed)
    const before = this.#known
    this.#known = new Map([...(before ?? []), ...alerts.map((alert) => [alert.id, alert.status])])
    if (before === null) return
    const fresh = alerts.filter((alert) => alert.status === "firing" && before.get(alert.id) !== "firing")
    if (fresh.length) this.#tell(fresh)
  }
}

export const startAlarm = (form, store) => {
  if (!form || !("Notification" in window)) return
  const [box] = form.elements
  const alarm = new Alarm((alerts) => box.checked && ring(alerts))
  form.hidden = false
  box.checked = kept() && Notification.permission === "granted"
  box.addEventListener("change", async () => {
    if (box.checked) box.checked = (await Notification.requestPermission()) === "granted"
    if (box.checked) sound()
    keep(box.checked)
  })
  store.subscribe("alerts", (news) => alarm.hear(news))
}

const ring = (alerts) => {
  const [first, ...more] = alerts
  const title = more.length ? `${first.summary}, and ${more.length} more` : first.summary
  const note = new Notification(title, { body: first.severity, tag: `alert-${first.id}` })
  note.onclick = () => {
    window.focus()
    location.assign(`/alerts/${first.id}/`)
  }
  sound()
}

const sound = () => {
  const context = new AudioContext()
  const volume = new GainNode(context, { gain: LOUDNESS })
  volume.connect(context.destination)
  TONES.forEach((frequency, place) => {
    const tone = new OscillatorNode(context, { frequency })
    tone.connect(volume)
    tone.start(context.currentTime + place * TONE)
    tone.stop(context.currentTime + (place + 1) * TONE)
    if (place === TONES.length - 1) tone.onended = () => context.close()
  })
}

const kept = () => {
  try {
    return localStorage.getItem(KEPT_AS) === "on"
  } catch {
    return false
  }
}

const keep = (on) => {
  try {
    if (on) localStorage.setItem(KEPT_AS, "on")
    else localStorage.removeItem(KEPT_AS)
  } catch {
    // No storage: it holds for this page.
  }
}
