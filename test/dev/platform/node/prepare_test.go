package node

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/cistern-dev/cistern/test/dev/tools"
)

// TestPrepare fills a run directory and parses the files in it.
func TestPrepare(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	c := Config{
		RunDir: filepath.Join(dir, "run"), LogDir: filepath.Join(dir, "log"),
		Cgroups:  Cgroups{Name: "cistern-1", Hierarchies: []string{"memory"}},
		Programs: tools.Programs{Runc: "/usr/sbin/runc", CNI: "/opt/cni/bin"},
	}

	admin, err := c.Prepare("https://127.0.0.1:1", -1)
	if err != nil {
		t.Fatal(err)
	}

	config, err := clientcmd.RESTConfigFromKubeConfig(admin)
	if err != nil {
		t.Fatalf("Prepare(): kubeconfig: %v", err)
	}

	if config.Host != "https://127.0.0.1:1" {
		t.Errorf("Prepare(): kubeconfig is for %q", config.Host)
	}

	var kubelet map[string]any
	if err := yaml.UnmarshalStrict(read(t, c, "config/kubelet.yaml"), &kubelet); err != nil {
		t.Errorf("Prepare(): kubelet.yaml: %v", err)
	}

	if kubelet["cgroupRoot"] != "/cistern-1" {
		t.Errorf("Prepare(): cgroupRoot: %v", kubelet["cgroupRoot"])
	}

	if err := json.Unmarshal(read(t, c, "config/cni/10-cistern.conflist"), &map[string]any{}); err != nil {
		t.Errorf("Prepare(): CNI configuration: %v", err)
	}

	if s := string(read(t, c, "config/containerd.toml")); strings.Contains(s, "<no value>") || !strings.Contains(s, `"/usr/sbin/runc"`) {
		t.Errorf("Prepare(): containerd.toml:\n%s", s)
	}
}

func read(t *testing.T, c Config, name string) []byte {
	t.Helper()

	b, err := os.ReadFile(filepath.Join(c.RunDir, name))
	if err != nil {
		t.Fatal(err)
	}

	return b
}
