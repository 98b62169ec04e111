package kind

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// SecretCache says which Secrets a manager's cache may hold: those that resources
// publish their connection in. Only their metadata is asked for, so the cache
// holds no credential; whoever reads a Secret asks the API server.
func SecretCache() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{
		&corev1.Secret{}: {Field: fields.OneTermEqualSelector("type", string(resource.SecretTypeConnection))},
	}
}

// watchSecrets has the owner of a connection Secret looked at when somebody
// deletes or edits the Secret.
func watchSecrets(b *builder.Builder, mgr ctrl.Manager, owner client.Object) *builder.Builder {
	return b.Watches(&corev1.Secret{},
		handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), owner, handler.OnlyControllerOwner()),
		builder.OnlyMetadata, builder.WithPredicates(secretTouched()))
}

// secretTouched passes what may take a connection away: a Secret that is deleted
// or edited. One that appears was published just now, or is there when the
// provider starts, which looks at everything anyway. Edits include those of the
// owner's own reconcile, which lead to one look more, at which nothing is left
// to do.
func secretTouched() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetResourceVersion() != e.ObjectNew.GetResourceVersion()
		},
		DeleteFunc: func(event.DeleteEvent) bool { return true },
	}
}
