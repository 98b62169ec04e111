package platform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cistern-dev/cistern/test/dev/tools"
)

// existing is a platform in an existing cluster, while it is being made.
type existing struct {
	Options
	state

	tools map[string]string
}

// upExisting installs MinIO into a cluster that has Crossplane, and makes it
// reachable from this machine.
func (o Options) upExisting(ctx context.Context) (*Platform, error) {
	if o.Existing.Kubeconfig == "" || o.Existing.Registry == "" {
		return nil, errors.New("an existing cluster needs KUBECONFIG=<file>, and " +
			"REGISTRY=<host/path> that it can pull from and you can push to")
	}

	e := &existing{Options: o}
	if err := e.prepare(ctx); err != nil {
		return nil, err
	}

	fmt.Fprintln(o.Progress, "Platform")

	err := together(ctx, o.Progress,
		step{"Cluster has Crossplane", e.checkCluster},
		step{"MinIO image pushed", func(ctx context.Context) error {
			return push(ctx, e.Platform.PushRegistry+minioImage, minioConfig(e.tools["minio"]))
		}},
	)
	if err != nil {
		return nil, err
	}

	return &e.Platform, e.start(ctx)
}

// start installs MinIO, and starts the daemon that makes it reachable from this
// machine.
func (e *existing) start(ctx context.Context) error {
	// Saved before MinIO is created, so that Down finds what to remove.
	if err := e.save(e.OutputDir); err != nil {
		return err
	}

	m := minio{Image: e.Platform.Registry + minioImage}
	if err := together(ctx, e.Progress, step{"MinIO ready", func(ctx context.Context) error {
		return m.install(ctx, e.OutputDir, &e.Platform)
	}}); err != nil {
		return err
	}

	if err := e.startForwarding(ctx, &e.state); err != nil {
		return err
	}

	e.Ready = true

	return e.save(e.OutputDir)
}

// startForwarding starts the daemon that makes MinIO reachable from this machine.
func (o Options) startForwarding(ctx context.Context, s *state) error {
	log := filepath.Join(s.Platform.LogDir, "forward.log")

	daemon, err := o.startDaemon(log, nil, forwardDaemon, o.OutputDir)
	if err != nil {
		return err
	}

	s.Daemon = daemon
	if err := s.save(o.OutputDir); err != nil { // Down must find the daemon if the next step fails
		return err
	}

	return together(ctx, o.Progress, step{"MinIO reachable from this machine", s.Platform.waitForMinIO})
}

// prepare builds the tools, describes the platform and copies the kubeconfig.
func (e *existing) prepare(ctx context.Context) error {
	fmt.Fprintln(e.Progress, "Tools")

	var err error
	if e.tools, err = tools.Build(ctx, e.Progress, "kube", "kubectl", "minio"); err != nil {
		return err
	}

	jq, err := exec.LookPath("jq")
	if err != nil {
		programs, err := tools.Debian(ctx, e.Progress)
		if err != nil {
			return err
		}

		jq = programs.Jq
	}

	files, addresses, err := listen(1) // finds a free port: kubectl makes its own listener
	if err != nil {
		return err
	}

	_ = files[0].Close()

	e.Platform = Platform{
		ID:           newID(),
		Kubeconfig:   filepath.Join(e.OutputDir, kubeconfigFile),
		KubectlPath:  e.tools["kubectl"],
		JqPath:       jq,
		MinIOURL:     "https://" + addresses[0],
		MinIOCAFile:  filepath.Join(e.OutputDir, minioCAFile),
		Registry:     e.Existing.Registry,
		PushRegistry: e.Existing.PushRegistry,
		LogDir:       filepath.Join(e.OutputDir, "log"),
	}
	if e.Platform.PushRegistry == "" {
		e.Platform.PushRegistry = e.Platform.Registry
	}

	if err := os.MkdirAll(e.Platform.LogDir, 0o755); err != nil {
		return fmt.Errorf("cannot make the log directory: %w", err)
	}
	// A copy, because the platform stays in this cluster when the file changes.
	given := Platform{Kubeconfig: e.Existing.Kubeconfig, KubectlPath: e.Platform.KubectlPath}

	config, err := given.Kubectl(ctx, "", "config", "view", "--flatten", "--minify", "--raw")
	if err != nil {
		return fmt.Errorf("cannot read the kubeconfig: %w", err)
	}

	if err := os.WriteFile(e.Platform.Kubeconfig, []byte(config), 0o600); err != nil {
		return fmt.Errorf("cannot write the kubeconfig: %w", err)
	}

	return nil
}

// checkCluster returns an error for a cluster without Crossplane, or with a
// namespace minio.
func (e *existing) checkCluster(ctx context.Context) error {
	p := &e.Platform
	if _, err := p.Kubectl(ctx, "", "get", "crd", "compositeresourcedefinitions.apiextensions.crossplane.io"); err != nil {
		return fmt.Errorf("cannot find Crossplane in the cluster: %w", err)
	}

	if _, err := p.Kubectl(ctx, "", "wait", "deployment", "--all-namespaces", "--selector=app=crossplane",
		"--for=condition=Available", "--timeout=30s"); err != nil {
		return fmt.Errorf("the cluster's Crossplane is not available: %w", err)
	}

	out, err := p.Kubectl(ctx, "", "get", "namespaces", "--output=name",
		"--selector=kubernetes.io/metadata.name=minio")
	if err != nil {
		return fmt.Errorf("cannot check whether the cluster has a namespace minio: %w", err)
	}

	if strings.TrimSpace(out) != "" {
		return errors.New("the cluster already has a namespace minio, which is left as it is: use another cluster")
	}

	return nil
}

// cleanExisting removes what Up installed into an existing cluster.
func (s *state) cleanExisting(ctx context.Context) error {
	if _, err := s.Platform.Kubectl(ctx, "", "delete", "namespace", "--selector="+s.Platform.Owner(), "--timeout=2m"); err != nil {
		return fmt.Errorf("cannot remove MinIO from the cluster: %w", err)
	}

	return nil
}
