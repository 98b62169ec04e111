package controller

import (
	"context"
	"testing"

	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/providertest"
	"github.com/cistern-dev/cistern/provider/server"
)

// terminating is a client of an API server that takes no new usages, as in a namespace that is
// being deleted.
type terminating struct{ client.Client }

func (c terminating) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	if _, usage := o.(*miniov1alpha1.ProviderConfigUsage); usage {
		return kerrors.NewForbidden(schema.GroupResource{Resource: "providerconfigusages"}, o.GetName(), nil)
	}

	return c.Client.Create(ctx, o, opts...)
}

// TestConnectWithoutUsage connects a Bucket whose usage is gone, in a namespace that takes no new
// one. It wants a Bucket that is being deleted to be connected, so that its bucket is deleted.
func TestConnectWithoutUsage(t *testing.T) {
	spec := providertest.NewSpec("")
	spec.Endpoint = providertest.NewMinIO(t, providertest.Version)

	b := providertest.NewBucket(miniov1alpha1.ProviderConfigKind.Kind)
	l := providertest.NewLagging(t, providertest.NewConfig(spec), providertest.NewCredentials("team-a"), b)

	k := Kind[*miniov1alpha1.Bucket]{
		GVK: miniov1alpha1.BucketKind,
		Client: func(Kube, *minio.Server) managed.TypedExternalClient[*miniov1alpha1.Bucket] {
			return failing{}
		},
	}
	c := newConnector(terminating{l}, l.Live, server.NewServers(l), k, &providertest.Events{})

	if _, err := c.Connect(t.Context(), b); err == nil {
		t.Error("Connect(...): want an error for a Bucket whose usage cannot be recorded")
	}

	b.DeletionTimestamp = new(metav1.Now())

	if _, err := c.Connect(t.Context(), b); err != nil {
		t.Errorf("Connect(...): want a Bucket that is being deleted to be connected, got %v", err)
	}
}
