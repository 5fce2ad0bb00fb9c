"""The dashboards of ops/grafana, made from a list of panels."""
