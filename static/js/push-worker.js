// The part that stays when no page is open: shows what the board pushed, and opens it.

self.addEventListener("push", (event) => {
  const { title, body, url, tag } = event.data.json()
  const icon = "/static/img/favicon.svg"
  event.waitUntil(self.registration.showNotification(title, { body, tag, icon, renotify: true, data: { url } }))
})

self.addEventListener("notificationclick", (event) => {
  event.notification.close()
  event.waitUntil(self.clients.openWindow(event.notification.data.url))
})
