package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cistern-dev/cistern/test/process"
)

// container runs the program of a container.
type container struct {
	*pod

	spec *corev1.Container
	// dirs are the directories of the pod's volumes, by name.
	dirs     map[string]string
	restarts int32
}

func newContainer(p *pod, spec *corev1.Container) *container { return &container{pod: p, spec: spec} }

// complete runs an init container, and returns an error unless its program succeeds.
func (c *container) complete(ctx context.Context) error {
	running, err := c.start(ctx)
	if err != nil {
		return err
	}

	select {
	case <-running.Done():
	case <-ctx.Done():
		running.Kill()

		return ctx.Err()
	}

	c.restarts++

	if running.Err() != nil {
		return fmt.Errorf("init container %q: %w", c.spec.Name, running.Ended())
	}

	return nil
}

// run runs the container until the pod is stopped, and starts its program again when it
// ends, if the pod's restart policy asks for it.
func (c *container) run(ctx context.Context) {
	for ctx.Err() == nil {
		running, err := c.start(ctx)
		if err != nil {
			c.show(ctx, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerError", Message: err.Error()}}, false)
			c.wait(ctx)

			continue
		}

		c.watch(ctx, running)

		if ctx.Err() != nil {
			if err := running.Terminate(c.grace); err != nil {
				running.Kill()
			}

			return
		}

		code := exitCode(running.Err())
		c.show(ctx, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, FinishedAt: metav1.Now()}}, false)

		policy := c.object.Spec.RestartPolicy
		if policy == corev1.RestartPolicyNever || policy == corev1.RestartPolicyOnFailure && code == 0 {
			<-ctx.Done()

			return
		}

		c.restarts++
		c.wait(ctx)
	}
}

// wait waits before the program is started again: longer each time, up to ten seconds.
func (c *container) wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(min(retry<<min(c.restarts, 6), 10*time.Second)):
	}
}

// watch shows the state of a running program until it ends or the pod is stopped.
func (c *container) watch(ctx context.Context, running *process.Process) {
	since := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}
	ready := c.spec.ReadinessProbe == nil && c.spec.StartupProbe == nil
	c.show(ctx, since, ready)

	period := 100 * time.Millisecond // until it is ready for the first time

	for {
		select {
		case <-ctx.Done():
			return
		case <-running.Done():
			return
		case <-time.After(period):
		}

		now := c.probe(ctx, c.spec.StartupProbe) == nil && c.probe(ctx, c.spec.ReadinessProbe) == nil
		if now != ready {
			ready = now
			c.show(ctx, since, ready)
		}

		c.save(ctx)

		if ready {
			period = time.Second
		}
	}
}

// show writes the container's state to the pod's status.
func (c *container) show(ctx context.Context, state corev1.ContainerState, ready bool) {
	status := corev1.ContainerStatus{
		Name: c.spec.Name, Image: c.spec.Image, ImageID: c.spec.Image,
		State: state, Ready: ready, Started: new(state.Running != nil), RestartCount: c.restarts,
	}

	c.update(ctx, func(s *corev1.PodStatus) {
		i := slices.IndexFunc(s.ContainerStatuses, func(have corev1.ContainerStatus) bool { return have.Name == c.spec.Name })
		if i < 0 {
			s.ContainerStatuses = append(s.ContainerStatuses, status)
		} else {
			s.ContainerStatuses[i] = status
		}
	})
}

// start starts the container's program, with volumes as they are to be now.
func (c *container) start(ctx context.Context) (*process.Process, error) {
	var err error
	if c.dirs, err = c.volumes(ctx); err != nil {
		return nil, err
	}

	image, err := c.images.pull(ctx, c.spec.Image)
	if err != nil {
		return nil, err
	}

	argv := slices.Concat(image.entrypoint, image.args)
	if len(c.spec.Command) > 0 {
		argv = slices.Concat(c.spec.Command, c.spec.Args)
	} else if len(c.spec.Args) > 0 {
		argv = slices.Concat(image.entrypoint, c.spec.Args)
	}

	if len(argv) == 0 {
		return nil, fmt.Errorf("container %q has no command", c.spec.Name)
	}

	program, err := image.find(argv[0])
	if err != nil {
		return nil, err
	}

	env, err := c.environment(ctx)
	if err != nil {
		return nil, err
	}

	if err := c.replacePorts(); err != nil {
		return nil, err
	}

	settings := settingsOf(program, image.root, c.dir, c.port)
	for i := range argv {
		argv[i] = c.local(argv[i])
	}

	return c.launch(slices.Concat([]string{program}, argv[1:], settings.args), append(env, settings.env...))
}

func (c *container) launch(argv, env []string) (*process.Process, error) {
	log := c.logDir(c.spec.Name)
	if err := os.MkdirAll(log, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make a directory for logs: %w", err)
	}

	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the pod's directory: %w", err)
	}

	return c.group.Start(c.spec.Name, process.Options{
		Env: env, Dir: c.dir, Log: logFile(log, int(c.restarts)),
	}, argv...)
}

// local replaces a path in the container by the path on this machine: a volume's mount
// point, as a value or after the equals sign of a flag.
func (c *container) local(s string) string {
	flag, value, ok := strings.Cut(s, "=")
	if !ok || !strings.HasPrefix(flag, "-") {
		flag, value = "", s
	} else {
		flag += "="
	}

	for _, m := range c.spec.VolumeMounts {
		if rest, ok := strings.CutPrefix(value, m.MountPath); ok && (rest == "" || rest[0] == '/') {
			return flag + filepath.Join(c.dirs[m.Name], m.SubPath) + rest
		}
	}

	return s
}

// port returns the port of the loopback interface for a container port.
func (c *container) port(container int32) int {
	if port, ok := c.ports[container]; ok {
		return port
	}

	return int(container)
}

func exitCode(err error) int32 {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return int32(exit.ExitCode()) //nolint:gosec // It is a byte.
	}

	if err != nil {
		return 255
	}

	return 0
}
