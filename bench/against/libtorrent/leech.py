# Downloads one torrent with libtorrent. Arguments: torrent, directory, address, port.
# Not a client for people: no DHT, no local discovery, TCP only, and as many uploads as there are peers.
# Says READY, waits for a line, then says FIRST when the first 256 KiB verified and DONE at the end, and goes on seeding.

import sys

import libtorrent

path, directory, address, port = sys.argv[1:5]
categories = libtorrent.alert.category_t
session = libtorrent.session({
    "listen_interfaces": f"{address}:{port}",
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "allow_multiple_connections_per_ip": True,
    "ssrf_mitigation": False,
    "unchoke_slots_limit": 20,
    "connection_speed": 200,
    "torrent_connect_boost": 50,
    "min_reconnect_time": 1,
    "alert_mask": categories.status_notification | categories.piece_progress_notification | categories.error_notification,
})
wish = libtorrent.add_torrent_params()
wish.ti = libtorrent.torrent_info(path)
wish.save_path = directory
wish.flags &= ~(libtorrent.torrent_flags.paused | libtorrent.torrent_flags.auto_managed)

print("READY", flush=True)
sys.stdin.readline()
session.add_torrent(wish)
heard = False
while True:
    session.wait_for_alert(200)
    for alert in session.pop_alerts():
        if isinstance(alert, libtorrent.piece_finished_alert) and alert.piece_index == 0 and not heard:
            heard = True
            print("FIRST", flush=True)
        if isinstance(alert, libtorrent.torrent_finished_alert):
            print("DONE 0", flush=True)
