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

// usage is what a pod of the provider or of the function has done and used so
// far, by its own metrics. What it does not do is zero.
type usage struct {
	at  time.Time
	pod string

	// calls of MinIO, by operation.
	calls counts
	// requests to the API server, by method. A watch is one of GET when it begins.
	requests counts
	// reconciles of Buckets and Users that have ended, by kind, and how many of
	// them failed.
	reconciles counts
	failed     float64
	// waiting are reconciles that are due or under way.
	waiting float64
	// cpu in seconds, memory in bytes, as it is now.
	cpu, memory float64
	// started is when the process began, in seconds of the Unix clock.
	started float64
}

// controllers are those of the kinds that are measured, as metrics name them.
var controllers = map[string]bool{"managed/bucket.minio.cistern.dev": true, "managed/user.minio.cistern.dev": true}

func managed(l map[string]string) bool { return controllers[l["controller"]] }

func failed(l map[string]string) bool { return managed(l) && l["result"] == "error" }

// providerUsage returns what the provider has done.
func (c *cluster) providerUsage(ctx context.Context) (usage, error) {
	return c.usage(ctx, "provider", "provider-minio")
}

// functionUsage returns what the function has used.
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
		return u, fmt.Errorf("pod %s does not say what it uses", p.Name)
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

// since returns what was done and used since an earlier look at the same
// process. Memory is that of now.
func (u usage) since(earlier usage) (usage, error) {
	if u.started != earlier.started || u.pod != earlier.pod {
		return u, errors.New("it was restarted while it was measured")
	}

	d := u
	d.calls, d.requests, d.reconciles = u.calls.since(earlier.calls), u.requests.since(earlier.requests), u.reconciles.since(earlier.reconciles)
	d.failed, d.cpu = u.failed-earlier.failed, u.cpu-earlier.cpu

	return d, nil
}

// during returns what a pod that is looked at before and after does and uses while
// do runs, and how long that takes.
func (c *cluster) during(ctx context.Context, look func(context.Context) (usage, error), do func() error) (usage, time.Duration, error) {
	before, err := look(ctx)
	if err != nil {
		return usage{}, 0, err
	}

	if err := do(); err != nil {
		return usage{}, 0, err
	}

	after, err := look(ctx)
	if err != nil {
		return usage{}, 0, err
	}

	d, err := after.since(before)

	return d, after.at.Sub(before.at), err
}

// pollEach has the provider look at each resource so often, until the function
// that it returns puts it back to what it was before. Both restart the provider.
func (c *cluster) pollEach(ctx context.Context, interval time.Duration) (back func(context.Context) error, err error) {
	provider := "providers.pkg.crossplane.io/" + build.InstalledName(c.platform.Registry, "provider-minio")

	before, err := c.platform.Kubectl(ctx, "", "get", provider, "--output=jsonpath={.spec.runtimeConfigRef.name}")
	if err != nil {
		return nil, fmt.Errorf("cannot read how the provider is run: %w", err)
	}

	use := func(ctx context.Context, config, args string) error {
		if _, err := c.platform.Kubectl(ctx, "", "patch", provider, "--type=merge", `--patch={"spec":{"runtimeConfigRef":{"name":"`+config+`"}}}`); err != nil {
			return fmt.Errorf("cannot change how the provider is run: %w", err)
		}

		return c.await(ctx, "the provider to be restarted", func() error { return c.runsWith(ctx, args) })
	}

	arg := "--poll-interval=" + interval.String()
	config := fmt.Sprintf("{apiVersion: pkg.crossplane.io/v1beta1, kind: DeploymentRuntimeConfig, metadata: {name: %s}, "+
		"spec: {deploymentTemplate: {spec: {selector: {}, template: {spec: {containers: [{name: package-runtime, args: [%s]}]}}}}}}", c.run, arg)

	back = func(ctx context.Context) error {
		if err := use(ctx, before, ""); err != nil {
			return err
		}

		_, err := c.platform.Kubectl(ctx, "", "delete", "deploymentruntimeconfigs.pkg.crossplane.io", c.run, "--ignore-not-found")

		return err
	}

	if _, err := c.platform.Kubectl(ctx, config, "apply", "-f", "-"); err != nil {
		return nil, fmt.Errorf("cannot say how the provider is to be run: %w", err)
	}

	if err := use(ctx, c.run, arg); err != nil {
		return nil, errors.Join(err, back(context.WithoutCancel(ctx)))
	}

	return back, nil
}

// runsWith returns an error unless the provider's only pod is ready, runs with
// this poll interval, or with none if it is empty, and leads.
func (c *cluster) runsWith(ctx context.Context, arg string) error {
	p, err := c.pod(ctx, "provider", "provider-minio")
	if err != nil {
		return err
	}

	args := strings.Join(p.Spec.Containers[0].Args, " ")
	if arg == "" && strings.Contains(args, "--poll-interval") || !strings.Contains(args, arg) {
		return fmt.Errorf("pod %s runs with %q", p.Name, args)
	}

	return c.leads(ctx, p)
}

// leads returns an error unless a pod reconciles.
func (c *cluster) leads(ctx context.Context, p *corev1.Pod) error {
	text, err := c.metrics(ctx, p.Name)
	if err != nil {
		return err
	}

	// Its health checks are the first that it does, whatever resources there are.
	if parse(text, "cistern_minio_requests_total").sum() == 0 {
		return fmt.Errorf("pod %s does nothing yet", p.Name)
	}

	return nil
}

// restart deletes the provider's pod as a node that is drained would.
func (c *cluster) restart(ctx context.Context) error {
	p, err := c.pod(ctx, "provider", "provider-minio")
	if err != nil {
		return err
	}

	if err := c.kube.Delete(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}}); err != nil {
		return fmt.Errorf("cannot restart the provider: %w", err)
	}

	return nil
}
