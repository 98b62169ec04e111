//go:build e2e

package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// An exchange is an endpoint that leads to one server or another, as a DNS name or a Service
// does.
type exchange struct {
	address string

	mu     sync.Mutex
	target string
	conns  []net.Conn
}

// newExchange returns an endpoint that leads to a server.
func newExchange(t *testing.T, to *Storage) *exchange {
	t.Helper()

	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	e := &exchange{address: l.Addr().String(), target: to.url.Host}

	t.Cleanup(func() {
		_ = l.Close()
		e.leadTo(to)
	})

	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}

			e.forward(in)
		}
	}()

	return e
}

// forward connects an accepted connection with the server.
func (e *exchange) forward(in net.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()

	out, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", e.target)
	if err != nil {
		_ = in.Close()

		return
	}

	e.conns = append(e.conns, in, out)

	for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			_, _ = in.Close(), out.Close()
		}()
	}
}

// leadTo makes the endpoint lead to another server, from now on.
func (e *exchange) leadTo(s *Storage) {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.target = s.url.Host

	for _, c := range e.conns {
		_ = c.Close()
	}

	e.conns = nil
}

// newStorage starts another MinIO, on an empty volume.
func newStorage(t *testing.T, name string) *Storage {
	t.Helper()

	ownServers(t)

	s, err := env.startStorage(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}

	return s
}

// exchanged is a configuration whose endpoint can lead to another server, and what uses it.
type exchanged struct {
	*exchange

	first, second *Storage
	config        *miniov1alpha1.ClusterProviderConfig
	namespace     string
	bucket        *miniov1alpha1.Bucket
	// leaving is to be deleted while another server answers.
	leaving *miniov1alpha1.Bucket
	users   []*miniov1alpha1.User
}

// use makes a resource use the configuration.
func (e *exchanged) use(mg resource.ModernManaged) {
	mg.SetProviderConfigReference(&xpv1.ProviderConfigReference{Kind: miniov1alpha1.ClusterProviderConfigKind.Kind, Name: e.config.Name})
}

// newExchanged returns resources that are ready on the first of two servers: a bucket, and users
// with a first and with a later key.
func newExchanged(t *testing.T) *exchanged {
	t.Helper()

	ns := newNamespace(t)
	e := &exchanged{
		first: newStorage(t, "exchanged-first"), second: newStorage(t, "exchanged-second"),
		config: hangingConfig(t, ns), namespace: ns, bucket: newBucket(ns, "home"), leaving: newBucket(ns, "leaving"),
	}
	e.exchange = newExchange(t, e.first)
	e.config.Spec.Endpoint = "http://" + e.address
	create(t, e.config)

	for _, b := range []*miniov1alpha1.Bucket{e.bucket, e.leaving} {
		e.use(b)
		create(t, b)
	}

	for _, name := range []string{"plain", "rotated"} {
		u := newUser(ns, name, miniov1alpha1.Grant{BucketName: e.bucket.Name, Access: miniov1alpha1.AccessReadWrite})
		e.use(u)
		create(t, u)

		e.users = append(e.users, u)
	}

	awaitSettled(t, append(e.all(), e.leaving))

	rotated := e.users[1]
	rotateNow(t, rotated, miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{}})
	await.For(t, "the next key", func() error {
		if s := rotated.Status.AtProvider; s.Generation != 1 || len(s.RetiringKeys) > 0 {
			return errors.Join(settled(t.Context(), rotated), fmt.Errorf("generation %d, retiring %v", s.Generation, s.RetiringKeys))
		}

		return settled(t.Context(), rotated)
	})

	return e
}

// exchangeTo makes the endpoint lead to another server, and has the configuration checked at once.
func (e *exchanged) exchangeTo(t *testing.T, s *Storage) {
	t.Helper()
	e.leadTo(s)
	e.checkNow(t)
}

// checkNow has the configuration checked, which happens every minute otherwise.
func (e *exchanged) checkNow(t *testing.T) {
	t.Helper()
	await.Change(t, env.Kube, e.config, func(c *miniov1alpha1.ClusterProviderConfig) {
		meta.AddAnnotations(c, map[string]string{"component/checked": time.Now().String()})
	})
}

// all returns the resources of the configuration.
func (e *exchanged) all() []resource.Managed {
	all := append(make([]resource.Managed, 0, 1+len(e.users)), e.bucket)
	for _, u := range e.users {
		all = append(all, u)
	}

	return all
}

// awaitReason waits until the condition Ready of the configuration has a reason, and returns its
// message.
func (e *exchanged) awaitReason(t *testing.T, reason xpv1.ConditionReason) string {
	t.Helper()

	var c xpv1.Condition

	await.For(t, "the configuration to be "+string(reason), func() error {
		if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(e.config), e.config); err != nil {
			return err
		}

		if c = e.config.GetCondition(xpv1.TypeReady); c.Reason != reason {
			return fmt.Errorf("it is %s: %s", c.Reason, c.Message)
		}

		return nil
	})

	return c.Message
}

// awaitRefused waits until a resource says that another server answers.
func awaitRefused(t *testing.T, mg resource.Managed) {
	t.Helper()

	await.For(t, mg.GetName()+" to say that another server answers", func() error {
		if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(mg), mg); err != nil {
			return err
		}

		c := mg.GetCondition(xpv1.TypeSynced)
		if c.Status != corev1.ConditionFalse || !strings.Contains(c.Message, "another server answers than before") {
			return fmt.Errorf("Synced is %s: %s", c.Status, c.Message)
		}

		return nil
	})
}

// secrets returns the data of the connection Secrets of the users.
func (e *exchanged) secrets(t *testing.T) []map[string][]byte {
	t.Helper()

	data := make([]map[string][]byte, 0, len(e.users))
	for _, u := range e.users {
		data = append(data, connectionSecret(t, u).Data)
	}

	return data
}

// wantSecrets checks that the connection Secrets are as before, and that their keys work on a
// server.
func (e *exchanged) wantSecrets(t *testing.T, before []map[string][]byte, on *Storage) {
	t.Helper()

	for i, data := range e.secrets(t) {
		name := e.users[i].Name
		if !maps.EqualFunc(before[i], data, slices.Equal) {
			t.Errorf("want the Secret of User %s to be as before", name)
		}

		s3, err := on.Client(string(data[miniov1alpha1.ConnectionKeyAccessKeyID]), string(data[miniov1alpha1.ConnectionKeySecretAccessKey]))
		if err != nil {
			t.Fatal(err)
		}

		if _, err := s3.StatObject(t.Context(), e.bucket.Name, object, miniogo.StatObjectOptions{}); err != nil &&
			miniogo.ToErrorResponse(err).Code != miniogo.NoSuchKey {
			t.Errorf("want the key of User %s to work, got %v", name, err)
		}
	}
}

// TestServerExchanged lets another MinIO with an empty volume answer at an endpoint. It checks
// that nothing is created, changed or deleted there, that no key has changed when the first one
// answers again, and that the other one is used once somebody has confirmed it.
func TestServerExchanged(t *testing.T) {
	startProvider(t, "--poll-interval=1s")

	ctx := t.Context()
	e := newExchanged(t)
	before := e.secrets(t)

	if err := newObject(ctx, e.first, e.bucket.Name); err != nil {
		t.Fatal(err)
	}

	empty, err := e.second.Inventory(ctx)
	if err != nil {
		t.Fatal(err)
	}

	e.leadTo(e.second)

	other, err := e.second.ServerInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}

	// The resources find out by themselves.
	for _, mg := range e.all() {
		awaitRefused(t, mg)
	}

	e.checkNow(t)

	if got := e.awaitReason(t, miniov1alpha1.ReasonServerChanged); !strings.Contains(got, other.DeploymentID) {
		t.Errorf("want the message to name the ID of the other server, got %q", got)
	}

	// What is asked for now waits too: a deletion, a bucket, a user and a key.
	if err := env.Kube.Delete(ctx, e.leaving); err != nil {
		t.Fatal(err)
	}

	awaitRefused(t, e.leaving)

	bucket, user := newBucket(e.namespace, "late"), newUser(e.namespace, "late")
	for _, mg := range []resource.ModernManaged{bucket, user} {
		e.use(mg)
		create(t, mg)
		awaitRefused(t, mg)
	}

	rotateNow(t, e.users[0], miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{}})
	awaitRefused(t, e.users[0])

	after, err := e.second.Inventory(ctx)
	if err != nil {
		t.Fatal(err)
	}

	// A reconcile that the exchange interrupts, having read a user from one server and its policy
	// from the other, may still write the policy.
	after.Policies = empty.Policies
	if diff := cmp.Diff(empty, after); diff != "" {
		t.Errorf("want no bucket, user and key to be made on the other server: -before, +after:\n%s", diff)
	}

	e.wantSecrets(t, before, e.first)
	await.Change(t, env.Kube, e.users[0], func(u *miniov1alpha1.User) { u.Spec.ForProvider.Rotation = nil })

	e.exchangeTo(t, e.first)
	e.awaitReason(t, miniov1alpha1.ReasonServerUsable)
	awaitSettled(t, append(e.all(), bucket, user))
	await.Gone(t, env.Kube, e.leaving)
	e.wantSecrets(t, before, e.first)

	if _, err := e.first.S3.StatObject(ctx, e.bucket.Name, object, miniogo.StatObjectOptions{}); err != nil {
		t.Errorf("want the object of the bucket to be there, got %v", err)
	}

	e.confirm(t, other.DeploymentID)

	// The tenants' keys are stored before they are set, so the other server gets the same.
	e.wantSecrets(t, before, e.second)

	for _, mg := range append(e.all(), bucket, user) {
		if err := env.Kube.Delete(ctx, mg); err != nil {
			t.Fatal(err)
		}

		await.Gone(t, env.Kube, mg)
	}

	if err := env.Kube.Delete(ctx, e.config); err != nil {
		t.Error(err)
	}
}

// confirm exchanges the servers on purpose: nothing happens before the annotation names the
// server that answers, and all is made there afterwards.
func (e *exchanged) confirm(t *testing.T, id string) {
	t.Helper()

	annotate := func(id string) {
		await.Change(t, env.Kube, e.config, func(c *miniov1alpha1.ClusterProviderConfig) {
			meta.AddAnnotations(c, map[string]string{miniov1alpha1.AnnotationDeploymentID: id})
		})
	}

	e.exchangeTo(t, e.second)
	e.awaitReason(t, miniov1alpha1.ReasonServerChanged)
	annotate("of-a-third-server")
	awaitRefused(t, e.bucket)
	annotate(id)
	e.awaitReason(t, miniov1alpha1.ReasonServerUsable)

	if e.config.Status.DeploymentID != id {
		t.Errorf("want the ID of the confirmed server, got %q", e.config.Status.DeploymentID)
	}

	await.For(t, "the bucket and the users to be made on the confirmed server", func() error {
		i, err := e.second.Inventory(t.Context())
		if err != nil {
			return err
		}

		if !slices.Contains(i.Buckets, e.bucket.Name) || len(i.Users) < len(e.users) {
			return fmt.Errorf("it has %+v", i)
		}

		return nil
	})
	awaitSettled(t, e.all())
}

// newObject writes the object of originals to a bucket.
func newObject(ctx context.Context, s *Storage, bucket string) error {
	_, err := s.S3.PutObject(ctx, bucket, object, strings.NewReader("data"), 4, miniogo.PutObjectOptions{})
	if err != nil {
		return fmt.Errorf("cannot write an object: %w", err)
	}

	return nil
}
