package embedded

import (
	"path/filepath"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// settings are what a program needs to run beside others on one machine: ports of its
// own, and paths of its image.
type settings struct {
	args, env []string
}

// The ports of Crossplane and of the packages' programs. Packages declare only some of
// them.
const (
	webhookPort = 9443
	metricsPort = 8080
	healthPort  = 8081
	minioPort   = 9000
)

// usual are the ports that a container may listen on without declaring them.
var usual = []corev1.ContainerPort{{ContainerPort: webhookPort}, {ContainerPort: metricsPort}, {ContainerPort: healthPort}}

// settingsOf returns the settings of a program, which is known by the name of its file: in
// an image with the given root, in a pod with the given directory, and with the ports of
// the loopback interface that the pod's ports lead to.
func settingsOf(program, root, dir string, port func(int32) int) settings {
	p := func(container int32) string { return strconv.Itoa(port(container)) }
	local := func(container int32) string { return "127.0.0.1:" + p(container) }

	switch base := filepath.Base(program); {
	case base == "crossplane":
		return settings{env: []string{
			"WEBHOOK_PORT=" + p(webhookPort), "METRICS_PORT=" + p(metricsPort), "HEALTH_PROBE_PORT=" + p(healthPort),
			"CRDS_PATH=" + filepath.Join(root, "crds"), "WEBHOOK_CONFIGS_PATH=" + filepath.Join(root, "webhookconfigurations"),
			"XPKG_CACHE_DIR=" + filepath.Join(dir, "volumes", "package-cache"),
			// The Lease's namespace is known inside of a pod only, and there is one replica.
			"LEADER_ELECTION=false",
		}}
	case strings.HasPrefix(base, "provider-"):
		s := settings{args: []string{"--metrics-address=" + local(metricsPort), "--health-address=" + local(healthPort)}}
		if base == "provider-minio" {
			s.args = append(s.args, "--webhook-port="+p(webhookPort))
		}

		return s
	case strings.HasPrefix(base, "function-"):
		return settings{args: []string{"--address=" + local(webhookPort), "--metrics-address=" + local(metricsPort)}}
	case base == "minio":
		return settings{args: []string{"--address=" + local(minioPort)}}
	default:
		return settings{}
	}
}
