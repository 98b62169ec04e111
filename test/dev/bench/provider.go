package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cistern-dev/cistern/package/build"
)

// usage is what a pod of the provider or of the function has done and used since it
// started, from its metrics. A metric that the pod lacks is zero.
type usage struct {
	at  time.Time
	pod string

	// calls are the calls to MinIO by operation.
	calls counts
	// requests are the requests to the API server by method. A watch counts as one
	// GET when it begins.
	requests counts
	// reconciles are those of Buckets and Users that have ended, by controller;
	// failed is how many of them failed.
	reconciles counts
	failed     float64
	// waiting is the number of reconciles that are queued or running.
	waiting float64
	// cpu is in seconds; memory is in bytes, at the time of reading.
	cpu, memory float64
	// started is the Unix time when the process started, in seconds.
	started float64
}

// controllers are the names of the measured kinds' controllers in metrics.
var controllers = map[string]bool{"managed/bucket.minio.cistern.dev": true, "managed/user.minio.cistern.dev": true}

func managed(l map[string]string) bool { return controllers[l["controller"]] }

func failed(l map[string]string) bool { return managed(l) && l["result"] == "error" }

// providerUsage returns the usage of the provider.
func (c *cluster) providerUsage(ctx context.Context) (usage, error) {
	return c.usage(ctx, "provider", "provider-minio")
}

// functionUsage returns the usage of the function.
func (c *cluster) functionUsage(ctx context.Context) (usage, error) {
	return c.usage(ctx, "function", "function-bucket")
}

func (c *cluster) usage(ctx context.Context, kind, name string) (usage, error) {
	p, err := c.pod(ctx, kind, name)
	if err != nil {
		return usage{}, err
	}

	text, err := c.metrics(ctx, p.Name)
	if err != nil {
		return usage{}, err
	}

	u := parseUsage(text)
	u.at, u.pod = time.Now(), p.Name

	if u.memory == 0 {
		return u, fmt.Errorf("pod %s has no metrics of its usage", p.Name)
	}

	return u, nil
}

func parseUsage(text string) usage {
	const (
		calls, requests, reconciles = "cistern_minio_requests_total", "rest_client_requests_total", "controller_runtime_reconcile_total"
		depth, active               = "workqueue_depth", "controller_runtime_active_workers"
		cpu, memory, started        = "process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"
	)

	s := parse(text, calls, requests, reconciles, depth, active, cpu, memory, started)

	return usage{
		calls:      s.where(calls, all).by("operation"),
		requests:   s.where(requests, all).by("method"),
		reconciles: s.where(reconciles, managed).by("controller"),
		failed:     s.where(reconciles, failed).sum(),
		waiting:    s.where(depth, managed).sum() + s.where(active, managed).sum(),
		cpu:        s.where(cpu, all).sum(),
		memory:     s.where(memory, all).sum(),
		started:    s.where(started, all).sum(),
	}
}

// since returns the usage since an earlier reading of the same process. Memory is
// that of the later reading.
func (u usage) since(earlier usage) (usage, error) {
	if u.started != earlier.started || u.pod != earlier.pod {
		return u, errors.New("the pod was restarted while it was measured")
	}

	d := u
	d.calls, d.requests = u.calls.since(earlier.calls), u.requests.since(earlier.requests)
	d.reconciles = u.reconciles.since(earlier.reconciles)
	d.failed, d.cpu = u.failed-earlier.failed, u.cpu-earlier.cpu

	return d, nil
}

// during returns the usage of a pod while do runs, and how long that takes. It calls
// read before and after do.
func (c *cluster) during(
	ctx context.Context, read func(context.Context) (usage, error), do func() error,
) (usage, time.Duration, error) {
	before, err := read(ctx)
	if err != nil {
		return usage{}, 0, err
	}

	if err := do(); err != nil {
		return usage{}, 0, err
	}

	after, err := read(ctx)
	if err != nil {
		return usage{}, 0, err
	}

	d, err := after.since(before)

	return d, after.at.Sub(before.at), err
}

// setPollInterval sets the provider's poll interval. The function that it returns
// restores the previous configuration. Both restart the provider.
func (c *cluster) setPollInterval(
	ctx context.Context, interval time.Duration,
) (restore func(context.Context) error, err error) {
	provider := "providers.pkg.crossplane.io/" + build.InstalledName(c.platform.Registry, "provider-minio")

	before, err := c.platform.Kubectl(ctx, "", "get", provider, "--output=jsonpath={.spec.runtimeConfigRef.name}")
	if err != nil {
		return nil, fmt.Errorf("cannot read the provider's runtime configuration: %w", err)
	}

	use := func(ctx context.Context, config, args string) error {
		patch := `{"spec":{"runtimeConfigRef":{"name":"` + config + `"}}}`
		if _, err := c.platform.Kubectl(ctx, "", "patch", provider, "--type=merge", "--patch="+patch); err != nil {
			return fmt.Errorf("cannot change the provider's runtime configuration: %w", err)
		}

		return c.await(ctx, "the provider to be restarted", func() error { return c.runsWith(ctx, args) })
	}

	arg := "--poll-interval=" + interval.String()
	config := fmt.Sprintf("{apiVersion: pkg.crossplane.io/v1beta1, kind: DeploymentRuntimeConfig, metadata: {name: %s}, "+
		"spec: {deploymentTemplate: {spec: {selector: {}, template: {spec: {containers: [{name: package-runtime, args: [%s]}]}}}}}}", c.run, arg)

	restore = func(ctx context.Context) error {
		if err := use(ctx, before, ""); err != nil {
			return err
		}

		_, err := c.platform.Kubectl(ctx, "", "delete", "deploymentruntimeconfigs.pkg.crossplane.io", c.run, "--ignore-not-found")

		return err
	}

	if _, err := c.platform.Kubectl(ctx, config, "apply", "-f", "-"); err != nil {
		return nil, fmt.Errorf("cannot create the provider's runtime configuration: %w", err)
	}

	if err := use(ctx, c.run, arg); err != nil {
		return nil, errors.Join(err, restore(context.WithoutCancel(ctx)))
	}

	return restore, nil
}

// runsWith returns an error unless the provider has one pod, which is ready, has the
// argument for the poll interval (or none, if arg is empty), and reconciles.
func (c *cluster) runsWith(ctx context.Context, arg string) error {
	p, err := c.pod(ctx, "provider", "provider-minio")
	if err != nil {
		return err
	}

	args := strings.Join(p.Spec.Containers[0].Args, " ")
	if arg == "" && strings.Contains(args, "--poll-interval") || !strings.Contains(args, arg) {
		return fmt.Errorf("pod %s runs with %q", p.Name, args)
	}

	return c.reconciles(ctx, p)
}

// reconciles returns an error unless a pod of the provider is the leader, and so
// reconciles.
func (c *cluster) reconciles(ctx context.Context, p *corev1.Pod) error {
	text, err := c.metrics(ctx, p.Name)
	if err != nil {
		return err
	}

	// The leader first checks the health of servers, whatever resources there are.
	if parse(text, "cistern_minio_requests_total").sum() == 0 {
		return fmt.Errorf("pod %s does not reconcile yet", p.Name)
	}

	return nil
}

// restartProvider deletes the provider's pod, as draining its node does.
func (c *cluster) restartProvider(ctx context.Context) error {
	p, err := c.pod(ctx, "provider", "provider-minio")
	if err != nil {
		return err
	}

	if err := c.kube.Delete(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}}); err != nil {
		return fmt.Errorf("cannot restart the provider: %w", err)
	}

	return nil
}
