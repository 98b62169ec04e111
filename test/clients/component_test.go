//go:build e2e

package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubernetes "sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

// startComponent starts the component environment with its provider, and issues the
// Secrets by Users.
func startComponent(ctx context.Context) (stop func(), err error) {
	stop = func() {}

	env, err := environment.start(ctx)
	if err != nil {
		return stop, err
	}

	if err := issueByUsers(ctx, env.Kube); err != nil {
		return stop, fmt.Errorf("%w; the end of the provider's log:\n%s", err, env.Log())
	}

	programs, err := tools.Build(ctx, io.Discard, "kubectl")
	if err != nil {
		return stop, err
	}

	cluster.kubeconfig, cluster.kubectl, cluster.namespace = env.Kubeconfig(), programs["kubectl"], metav1.NamespaceDefault
	cluster.secret, cluster.data = "clients-"+writer, issued[writer]

	return stop, nil
}

// servers are the Secrets with a configuration of their own, which has the same name.
var servers = map[string]bool{}

// issueByUsers creates a Bucket and a User for each Secret, and reads the Secrets.
func issueByUsers(ctx context.Context, kube kubernetes.Client) error {
	enabled, quota, days := miniov1alpha1.VersioningEnabled, resource.MustParse("100Ki"), int32(1)
	settings := map[string]func(b *miniov1alpha1.BucketParameters){
		writer:    func(*miniov1alpha1.BucketParameters) {},
		other:     func(*miniov1alpha1.BucketParameters) {},
		versioned: func(b *miniov1alpha1.BucketParameters) { b.Versioning = &enabled },
		full:      func(b *miniov1alpha1.BucketParameters) { b.Quota = &quota },
		locked: func(b *miniov1alpha1.BucketParameters) {
			b.ObjectLocking = true
			b.Retention = &miniov1alpha1.Retention{Mode: miniov1alpha1.RetentionCompliance, Days: &days}
		},
	}
	for name := range servers {
		settings[name] = func(*miniov1alpha1.BucketParameters) {}
	}

	buckets := map[string]string{reader: writer, beforeNew: writer, ended: writer}

	objects := make([]kubernetes.Object, 0, len(settings)+len(buckets)+1)

	for name, set := range settings {
		b := &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: "clients-" + name, Namespace: metav1.NamespaceDefault}}
		set(&b.Spec.ForProvider)

		if servers[name] {
			b.Spec.ProviderConfigReference = configOf(name)
		}

		objects, buckets[name] = append(objects, b), name
	}

	users := map[string]*miniov1alpha1.User{}

	for name, bucket := range buckets {
		u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceDefault}}
		u.Spec.ForProvider.Grants = []miniov1alpha1.Grant{{BucketName: "clients-" + bucket, Access: miniov1alpha1.AccessReadWrite}}
		u.Spec.WriteConnectionSecretToReference = &xpv1.LocalSecretReference{Name: "clients-" + name}

		if name == reader {
			u.Spec.ForProvider.Grants[0].Access = miniov1alpha1.AccessReadOnly
		}

		if servers[name] {
			u.Spec.ProviderConfigReference = configOf(name)
		}

		objects, users[name] = append(objects, u), u
	}

	for _, o := range objects {
		if err := kube.Create(ctx, o); err != nil {
			return fmt.Errorf("cannot create %s: %w", o.GetName(), err)
		}
	}

	issued = map[string]map[string][]byte{}
	for name, u := range users {
		var err error
		if issued[name], err = published(ctx, kube, u, ""); err != nil {
			return err
		}
	}

	return rotateUsers(ctx, kube, users)
}

func configOf(name string) *xpv1.ProviderConfigReference {
	return &xpv1.ProviderConfigReference{Kind: "ClusterProviderConfig", Name: name}
}

// published waits until a User is ready with another key than before, and returns its
// Secret.
func published(ctx context.Context, kube kubernetes.Client, u *miniov1alpha1.User, before string) (map[string][]byte, error) {
	s := &corev1.Secret{}
	key := kubernetes.ObjectKey{Namespace: u.Namespace, Name: u.Spec.WriteConnectionSecretToReference.Name}

	err := await.Until(ctx, "the key of User "+u.Name, func() error {
		if err := errors.Join(kube.Get(ctx, kubernetes.ObjectKeyFromObject(u), u), kube.Get(ctx, key, s)); err != nil {
			return errors.Join(err, errors.New(u.GetCondition(xpv1.TypeSynced).Message))
		}

		id := string(s.Data[miniov1alpha1.ConnectionKeyAccessKeyID])
		if u.GetCondition(xpv1.TypeReady).Status != corev1.ConditionTrue || id == "" || id == before || id != u.Status.AtProvider.AccessKeyID {
			return fmt.Errorf("it is not ready: %s", u.GetCondition(xpv1.TypeSynced).Message)
		}

		return nil
	})

	return s.Data, err
}

// rotateUsers replaces two keys, one with an overlap.
func rotateUsers(ctx context.Context, kube kubernetes.Client, users map[string]*miniov1alpha1.User) error {
	for name, overlap := range map[string]time.Duration{beforeNew: time.Hour, ended: 0} {
		u := users[name]
		u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{Duration: overlap}}

		if err := await.Until(ctx, "the rotation of User "+name, func() error {
			latest := &miniov1alpha1.User{}
			if err := kube.Get(ctx, kubernetes.ObjectKeyFromObject(u), latest); err != nil {
				return err
			}

			latest.Spec.ForProvider.Rotation = u.Spec.ForProvider.Rotation

			return kube.Update(ctx, latest)
		}); err != nil {
			return err
		}

		data, err := published(ctx, kube, u, string(issued[name][miniov1alpha1.ConnectionKeyAccessKeyID]))
		if err != nil {
			return err
		}

		if name == beforeNew {
			issued[afterNew] = data
		}
	}

	return nil
}
