"""The test conductor: who may load which part of which LAN, and when."""
