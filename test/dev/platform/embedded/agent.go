package embedded

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/cistern-dev/cistern/test/process"
)

// agent runs the pods of the cluster as processes of this machine. It takes the place
// of the scheduler, the kubelet and the container runtime.
type agent struct {
	Config

	client  kubernetes.Interface
	network *network
	group   *process.Group
	images  images

	mu   sync.Mutex
	pods map[types.UID]*pod
}

func newAgent(c Config, client kubernetes.Interface, network *network, group *process.Group) *agent {
	return &agent{
		Config: c, client: client, network: network, group: group,
		images: images{dir: c.RunDir + "/images"}, pods: map[types.UID]*pod{},
	}
}

// start registers the node and begins to run pods.
func (a *agent) start(ctx context.Context) error {
	logs, err := a.serveLogs(ctx)
	if err != nil {
		return err
	}

	if err := a.register(ctx, logs); err != nil {
		return err
	}

	factory := informers.NewSharedInformerFactory(a.client, 0)

	_, err = factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { a.sync(ctx, obj) },
		UpdateFunc: func(_, obj any) { a.sync(ctx, obj) },
		DeleteFunc: func(obj any) {
			if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = unknown.Obj
			}

			a.forget(obj)
		},
	})
	if err != nil {
		return fmt.Errorf("cannot watch pods: %w", err)
	}

	factory.Start(ctx.Done())

	return nil
}

// register creates the Node that pods are bound to, with the port at which logs are served.
func (a *agent) register(ctx context.Context, logs int32) error {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: NodeName, Labels: map[string]string{
			corev1.LabelOSStable: runtime.GOOS, corev1.LabelArchStable: runtime.GOARCH, corev1.LabelHostname: NodeName,
		}},
		Status: corev1.NodeStatus{
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "Embedded",
				Message: "Containers run as processes of this machine.", LastTransitionTime: metav1.Now(),
			}},
			Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: logs}},
			NodeInfo:        corev1.NodeSystemInfo{OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH},
		},
	}

	created, err := a.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("cannot register the node: %w", err)
	}

	created.Status = node.Status

	if _, err := a.client.CoreV1().Nodes().UpdateStatus(ctx, created, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("cannot register the node: %w", err)
	}

	return nil
}

// sync starts a new pod, and stops one that is being deleted.
func (a *agent) sync(ctx context.Context, obj any) {
	object, ok := obj.(*corev1.Pod)
	if !ok {
		return
	}

	a.mu.Lock()
	defer a.mu.Unlock()

	p := a.pods[object.UID]
	if p == nil {
		p = newPod(a, object)
		a.pods[object.UID] = p

		go p.run(ctx)
	}

	if object.DeletionTimestamp != nil {
		grace := int64(corev1.DefaultTerminationGracePeriodSeconds)
		if object.DeletionGracePeriodSeconds != nil {
			grace = *object.DeletionGracePeriodSeconds
		}

		p.stop(time.Duration(grace) * time.Second)
	}
}

// forget kills a pod that was removed without grace.
func (a *agent) forget(obj any) {
	object, ok := obj.(*corev1.Pod)
	if !ok {
		return
	}

	a.mu.Lock()
	defer a.mu.Unlock()

	if p := a.pods[object.UID]; p != nil {
		delete(a.pods, object.UID)
		p.stop(0)
	}
}

// bind assigns a pod to the node.
func (a *agent) bind(ctx context.Context, object *corev1.Pod) error {
	if object.Spec.NodeName != "" {
		return nil
	}

	err := a.client.CoreV1().Pods(object.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: object.Name, Namespace: object.Namespace, UID: object.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: NodeName},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsConflict(err) {
		return fmt.Errorf("cannot bind the pod: %w", err)
	}

	return nil
}
