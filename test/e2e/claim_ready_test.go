//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestClaimStaysReady creates claims with a rotation at once. It checks that none becomes unready again, although
// the function writes to each User which key the claim's Secrets hold.
func TestClaimStaysReady(t *testing.T) {
	t.Parallel()

	const claims = 30

	ns := newNamespace(t)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(tenantv1alpha1.BucketKind)

	w, err := kube.Watch(ctx, list, client.InNamespace(ns))
	if err != nil {
		t.Fatal(err)
	}

	lost := make(chan []string, 1)
	go func() { lost <- becameUnready(w) }()

	var manifests strings.Builder
	for i := range claims {
		fmt.Fprintf(&manifests, "---\n{apiVersion: apps.cozystack.io/v1alpha1, kind: Bucket, metadata: {name: steady-%d}, spec: {rotation: {interval: 720h}}}\n", i)
	}

	mustKubectl(t, manifests.String(), "apply", "--namespace", ns, "-f", "-")

	for i := range claims {
		waitReady(t, ns, fmt.Sprintf("steady-%d", i))
	}

	await.For(t, "the Users to have observed the served key", func() error {
		users := &miniov1alpha1.UserList{}
		if err := kube.List(t.Context(), users, client.InNamespace(ns)); err != nil {
			return err
		}

		for _, u := range users.Items {
			if r := u.Spec.ForProvider.Rotation; r.ServedAccessKeyID == "" || u.GetCondition(xpv1.TypeReady).ObservedGeneration < u.Generation {
				return fmt.Errorf("%s has not", u.Name)
			}
		}

		return nil
	})

	cancel()

	for _, text := range <-lost {
		t.Error(text)
	}
}

// becameUnready watches claims until w ends. It returns a text for each time that one which was ready became unready.
// Crossplane repeats a claim's earlier conditions for a moment if a run begins with an earlier read of the claim; these
// have earlier times, and do not count.
func becameUnready(w watch.Interface) []string {
	var texts []string

	since := map[string]metav1.Time{}

	for e := range w.ResultChan() {
		u, ok := e.Object.(*unstructured.Unstructured)
		if !ok {
			continue
		}

		b := &tenantv1alpha1.Bucket{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, b); err != nil {
			return append(texts, err.Error())
		}

		ready := b.Status.GetCondition(xpv1.TypeReady)
		first, wasReady := since[b.Name]

		switch {
		case ready.Status == corev1.ConditionTrue && !wasReady:
			since[b.Name] = ready.LastTransitionTime
		case ready.Status == corev1.ConditionFalse && wasReady && !ready.LastTransitionTime.Before(&first):
			texts = append(texts, fmt.Sprintf("claim %s was ready at %s, and not ready at %s: %s", b.Name, first.Format(time.TimeOnly),
				ready.LastTransitionTime.Format(time.TimeOnly), b.Status.GetCondition(tenantv1alpha1.ConditionProvisioned).Message))
		}
	}

	return texts
}
