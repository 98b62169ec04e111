// Package monitoring checks the alarms and the dashboard of examples/monitoring.
package monitoring
