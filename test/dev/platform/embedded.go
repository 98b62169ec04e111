package platform

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cistern-dev/cistern/test/dev/platform/embedded"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

// Embedded is the kind of platform whose pods are plain processes: it needs no privilege.
const Embedded = "embedded"

// upEmbedded starts Kubernetes as plain processes, and Crossplane and MinIO in it.
func (o Options) upEmbedded(ctx context.Context) (*Platform, error) {
	l := &local{Options: o}
	fmt.Fprintln(o.Progress, "Tools")

	var err error
	if l.tools, err = tools.Build(ctx, o.Progress, "kube", "kubectl", "crossplane", "minio", "helm"); err != nil {
		return nil, err
	}

	if l.programs.Jq, err = findJq(ctx, o); err != nil {
		return nil, err
	}

	if err := l.startEmbedded(); err != nil {
		return nil, err
	}

	fmt.Fprintln(o.Progress, "Platform")

	if err := together(ctx, o.Progress,
		step{"Kubernetes' API server answers", l.waitForAPIServer},
		step{"Images pushed", l.pushImages},
	); err != nil {
		return nil, err
	}

	m := minio{Image: l.Platform.Registry + minioImage, ClusterIP: embedded.MinIOIP, VolumeDir: l.Embedded.VolumeDir()}

	return l.complete(ctx, m)
}

// findJq returns the path of jq: the machine's, or else Debian's.
func findJq(ctx context.Context, o Options) (string, error) {
	if jq, err := exec.LookPath("jq"); err == nil {
		return jq, nil
	}

	programs, err := tools.Debian(ctx, o.Progress)

	return programs.Jq, err
}

// startEmbedded starts the daemon with listeners on the loopback interface, and writes
// the kubeconfig.
func (l *local) startEmbedded() error {
	return l.launch(embedded.ListenerCount, embedded.Stage, l.describeEmbedded,
		func([]string) ([]byte, error) { return l.Embedded.Prepare() })
}

// describeEmbedded fills in the state of the new platform, and removes the logs of the
// previous one.
func (l *local) describeEmbedded(addresses []string) error {
	logDir := filepath.Join(l.OutputDir, "log")
	if err := os.RemoveAll(logDir); err != nil {
		return fmt.Errorf("cannot remove the old logs: %w", err)
	}

	l.Embedded = &embedded.Config{RunDir: l.RunDir, LogDir: logDir, Kube: l.tools["kube"]}
	if err := l.Embedded.Choose(addresses[embedded.ListenerProxy]); err != nil {
		return err
	}

	l.Platform = l.platform(logDir)
	l.Platform.MinIOURL = "https://" + addresses[embedded.ListenerMinIO]
	l.Platform.Registry = addresses[embedded.ListenerRegistry]
	l.Platform.PushRegistry = l.Platform.Registry

	return nil
}

// platform returns what all platforms of this machine have in common.
func (l *local) platform(logDir string) Platform {
	return Platform{
		ID:          newID(),
		Local:       true,
		Kubeconfig:  filepath.Join(l.OutputDir, kubeconfigFile),
		KubectlPath: l.tools["kubectl"],
		JqPath:      l.programs.Jq,
		MinIOCAFile: filepath.Join(l.OutputDir, minioCAFile),
		LogDir:      logDir,
	}
}
