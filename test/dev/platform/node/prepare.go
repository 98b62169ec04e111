package node

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed config
var configFiles embed.FS

// VolumeDir is the path, in the node's mount namespace, of a directory that the
// volume user of Prepare may write to.
const VolumeDir = innerDir + "/volumes/minio"

// Prepare writes the files that the daemon reads to the run directory, and returns
// a kubeconfig for an administrator who reaches the API server at a URL.
func (c Config) Prepare(url string, volumeUser int) ([]byte, error) {
	for _, dir := range []string{
		filepath.Join(c.LogDir, "pods"),
		filepath.Join(c.RunDir, "pki"),
		filepath.Join(c.RunDir, "registry"),
		filepath.Join(c.RunDir, "tmp"),
		filepath.Join(c.RunDir, "volumes", "minio"),
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("cannot make a directory of the node: %w", err)
		}
	}

	if err := os.Chown(filepath.Join(c.RunDir, "volumes", "minio"), volumeUser, volumeUser); err != nil {
		return nil, fmt.Errorf("cannot give the volume to its user: %w", err)
	}

	if err := c.write(); err != nil {
		return nil, err
	}

	if err := c.writeConfigs(); err != nil {
		return nil, err
	}

	return c.writePKI(url)
}

// writeConfigs renders the components' configuration files.
func (c Config) writeConfigs() error {
	for name, target := range map[string]string{
		"containerd.toml": "containerd.toml",
		"hosts.toml":      "certs.d/" + Registry + "/hosts.toml",
		"cni.conflist":    "cni/10-cistern.conflist",
		"kubelet.yaml":    "kubelet.yaml",
		"kube-proxy.yaml": "kube-proxy.yaml",
		"Corefile":        "Corefile",
	} {
		content, err := c.render(name)
		if err != nil {
			return err
		}

		file := filepath.Join(c.RunDir, "config", target)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("cannot make a directory of the node: %w", err)
		}

		if err := os.WriteFile(file, content, 0o644); err != nil {
			return fmt.Errorf("cannot write the node's configuration: %w", err)
		}
	}

	return nil
}

func (c Config) render(name string) ([]byte, error) {
	t, err := template.ParseFS(configFiles, "config/"+name)
	if err != nil {
		return nil, fmt.Errorf("cannot parse %s: %w", name, err)
	}

	var b bytes.Buffer

	err = t.Option("missingkey=error").Execute(&b, map[string]any{
		"CgroupRoot": c.Cgroups.kubeletRoot(),
		"Dir":        innerDir,
		"NodeIP":     IP,
		"NodeName":   Name,
		"PodCIDR":    podCIDR,
		"Programs":   c.Programs,
		"Registry":   Registry,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot render %s: %w", name, err)
	}

	return b.Bytes(), nil
}
