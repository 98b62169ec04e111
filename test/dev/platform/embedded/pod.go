package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// retry is how long a step of a pod that failed waits until it is tried again.
const retry = 500 * time.Millisecond

// pod runs the containers of a Pod.
type pod struct {
	*agent

	object *corev1.Pod
	dir    string
	// ports leads from container ports to ports of the loopback interface.
	ports map[int32]int

	// stopped is closed when the pod has to end, after grace is set.
	stopped chan struct{}
	once    sync.Once
	grace   time.Duration

	// filling lets one container at a time fill the volumes.
	filling sync.Mutex

	// mu guards status, and unsaved, which is set while the API server does not have it.
	mu      sync.Mutex
	status  corev1.PodStatus
	unsaved bool
}

func newPod(a *agent, object *corev1.Pod) *pod {
	return &pod{
		agent: a, object: object,
		dir:     filepath.Join(a.RunDir, "pods", string(object.UID)),
		ports:   map[int32]int{},
		stopped: make(chan struct{}),
	}
}

// stop ends the pod: its processes get SIGTERM, and SIGKILL after the grace period.
func (p *pod) stop(grace time.Duration) {
	p.once.Do(func() {
		p.grace = grace
		close(p.stopped)
	})
}

// run runs the pod until it is stopped, and then removes it from the API server.
func (p *pod) run(ctx context.Context) {
	running, cancel := context.WithCancel(ctx)
	defer cancel()

	go func() {
		select {
		case <-p.stopped:
			cancel()
		case <-running.Done():
		}
	}()

	containers, err := p.begin(running)
	if err == nil {
		var all sync.WaitGroup
		for _, c := range containers {
			all.Go(func() { c.run(running) })
		}

		all.Wait()
	}

	select {
	case <-ctx.Done():
		return // the daemon ends, and with it the cluster
	case <-p.stopped:
	}

	p.network.remove(p.status.PodIP)
	_ = os.RemoveAll(p.dir)
	p.remove(ctx)
}

// begin does all that comes before the containers: it binds the pod, gives it an address,
// and runs its init containers. It tries each step until it
// succeeds, and returns an error only if the pod is stopped before.
func (p *pod) begin(ctx context.Context) ([]*container, error) {
	if err := p.insist(ctx, func() error { return p.bind(ctx, p.object) }); err != nil {
		return nil, err
	}

	err := p.insist(ctx, func() error {
		if err := p.assignPorts(); err != nil {
			return err
		}

		for i := range p.object.Spec.InitContainers {
			if err := newContainer(p, &p.object.Spec.InitContainers[i]).complete(ctx); err != nil {
				return err
			}
		}

		return nil
	})

	var containers []*container
	for i := range p.object.Spec.Containers {
		containers = append(containers, newContainer(p, &p.object.Spec.Containers[i]))
	}

	return containers, err
}

// insist calls a function until it succeeds, and shows its error in the pod's status.
func (p *pod) insist(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil {
			return nil
		}

		p.update(ctx, func(s *corev1.PodStatus) { s.Message = err.Error() })

		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retry):
		}
	}
}

// update changes the pod's status, and writes it.
func (p *pod) update(ctx context.Context, change func(*corev1.PodStatus)) {
	p.mu.Lock()
	defer p.mu.Unlock()

	change(&p.status)
	p.summarize()

	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": p.object.UID}, "status": p.status})
	if err != nil {
		panic(err) // A status always encodes.
	}

	_, err = p.client.CoreV1().Pods(p.object.Namespace).Patch(ctx, p.object.Name, types.MergePatchType, patch,
		metav1.PatchOptions{}, "status")
	p.unsaved = err != nil && !apierrors.IsNotFound(err)

	if err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) {
		fmt.Fprintf(os.Stderr, "cannot write the status of pod %s/%s: %v\n", p.object.Namespace, p.object.Name, err)
	}
}

// save writes the pod's status if the last attempt failed.
func (p *pod) save(ctx context.Context) {
	p.mu.Lock()
	unsaved := p.unsaved
	p.mu.Unlock()

	if unsaved {
		p.update(ctx, func(*corev1.PodStatus) {})
	}
}

// summarize derives the pod's phase and conditions from those of its containers.
func (p *pod) summarize() {
	s := &p.status
	s.HostIP = "127.0.0.1"
	s.PodIPs = []corev1.PodIP{{IP: s.PodIP}}

	if s.StartTime == nil {
		s.StartTime = new(metav1.Now())
	}

	started, ready, failed, ended := count(s.ContainerStatuses)
	total := len(p.object.Spec.Containers)
	ends := p.object.Spec.RestartPolicy != corev1.RestartPolicyAlways

	switch {
	case ends && failed+ended == total && failed > 0:
		s.Phase = corev1.PodFailed
	case ends && ended == total:
		s.Phase = corev1.PodSucceeded
	case started > 0 || s.Phase == corev1.PodRunning:
		s.Phase, s.Message = corev1.PodRunning, ""
	default:
		s.Phase = corev1.PodPending
	}

	p.condition(corev1.PodScheduled, true)
	p.condition(corev1.PodInitialized, started > 0)
	p.condition(corev1.ContainersReady, ready == total)
	p.condition(corev1.PodReady, ready == total)
}

// count returns how many containers run, are ready, and have ended with an error and without.
func count(containers []corev1.ContainerStatus) (started, ready, failed, ended int) {
	for _, c := range containers {
		if c.Ready {
			ready++
		}

		switch {
		case c.State.Running != nil:
			started++
		case c.State.Terminated != nil && c.State.Terminated.ExitCode != 0:
			failed++
		case c.State.Terminated != nil:
			ended++
		}
	}

	return started, ready, failed, ended
}

func (p *pod) condition(t corev1.PodConditionType, is bool) {
	status := corev1.ConditionFalse
	if is {
		status = corev1.ConditionTrue
	}

	for i := range p.status.Conditions {
		c := &p.status.Conditions[i]
		if c.Type != t {
			continue
		}

		if c.Status != status {
			c.Status, c.LastTransitionTime = status, metav1.Now()
		}

		return
	}

	p.status.Conditions = append(p.status.Conditions,
		corev1.PodCondition{Type: t, Status: status, LastTransitionTime: metav1.Now()})
}

// remove removes a pod whose processes have ended from the API server.
func (p *pod) remove(ctx context.Context) {
	err := p.client.CoreV1().Pods(p.object.Namespace).Delete(ctx, p.object.Name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64), Preconditions: &metav1.Preconditions{UID: &p.object.UID},
	})
	if err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		fmt.Fprintf(os.Stderr, "cannot remove pod %s/%s: %v\n", p.object.Namespace, p.object.Name, err)
	}
}
