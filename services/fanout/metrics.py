"""What the fanout counts."""

from prometheus_client import Counter, Gauge

CLIENTS = Gauge("minuet_fanout_clients", "Open sockets", ["view"])
FEEDS = Gauge("minuet_fanout_feeds", "Runs that somebody watches")
FRAMES = Counter("minuet_fanout_frames_total", "Frames sent from buffers")
RESYNCS = Counter("minuet_fanout_resyncs_total", "Clients that were shown all anew", ["reason"])
RECOVERIES = Counter("minuet_fanout_recoveries_total", "Feeds compared with Postgres", ["cause"])
REFUSED = Counter("minuet_fanout_refused_total", "Sockets refused", ["cause"])
