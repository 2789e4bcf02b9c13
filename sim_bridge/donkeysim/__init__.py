"""DonkeySim's wire, both ends: a client that drives the Unity simulator, and a server that puts ours in its place."""
