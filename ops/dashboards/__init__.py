"""Grafana's dashboards as short declarations; the JSON that Grafana reads is made from them by `make dashboards`."""
