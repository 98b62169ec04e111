//go:build e2e

package component

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

const (
	// faultLasts is how long a lasting fault lasts after it was met first, and faultWaits
	// how long it is waited for.
	faultLasts = 3 * time.Second
	faultWaits = 20 * time.Second

	// wellWithin bounds how long after a fault all is well: twice the longest time between
	// two retries, because a server is checked before a resource is retried, and far more
	// for a busy machine. It is less than the time between two polls.
	wellWithin = 3 * time.Minute

	// keptObject must never be gone.
	keptObject = "kept"
)

// bed is where a cell runs: a namespace with a provider configuration of its own, which
// leads to MinIO by an endpoint of its own. So each call belongs to one cell.
type bed struct {
	cell   cell
	ns     string
	server *http.Server

	// home is a bucket without a Bucket resource, which the User has access to.
	home   string
	config *miniov1alpha1.ProviderConfig
	user   *miniov1alpha1.User
	policy *miniov1alpha1.Policy
	// buckets are those that a situation made, by their names' ends.
	buckets map[string]*miniov1alpha1.Bucket

	// before is the key that was published before the fault.
	before miniov1alpha1.Connection
	// after is how long after the fault all was well.
	after time.Duration

	mu sync.Mutex
	// window reports whether calls count, and faulty whether they meet the fault.
	window, faulty bool
	called         map[string]bool
	hits           int
	// secretKeys are all that were ever stored.
	secretKeys map[string]bool
}

// play runs a situation, with a fault unless the cell has none.
func (m *matrix) play(ctx context.Context, c cell) (*bed, error) {
	b := &bed{
		cell: c, buckets: make(map[string]*miniov1alpha1.Bucket),
		called: make(map[string]bool), secretKeys: make(map[string]bool),
	}

	if err := b.open(ctx, m); err != nil {
		return b, fmt.Errorf("cannot prepare: %w", err)
	}
	defer b.close(ctx, m)

	s := situations[c.situation]

	if err := s.prepare(b, ctx); err != nil {
		return b, fmt.Errorf("cannot prepare: %w", err)
	}

	b.openWindow()

	if err := s.start(b, ctx); err != nil {
		return b, fmt.Errorf("cannot start: %w", err)
	}

	if err := b.sufferFault(ctx, s); err != nil {
		return b, fmt.Errorf("during the fault: %w", err)
	}

	return b, b.recover(ctx, s)
}

// open makes the namespace, the endpoint and the provider configuration, without creating
// the latter.
func (b *bed) open(ctx context.Context, m *matrix) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "fault-"}}
	if err := env.Kube.Create(ctx, ns); err != nil {
		return err
	}

	b.ns, b.home = ns.Name, ns.Name+"-home"

	m.mu.Lock()
	m.beds[b.ns] = b
	m.mu.Unlock()

	endpoint, server, err := env.serveStorage(env.Server, b.ns)
	if err != nil {
		return err
	}

	b.server = server
	credentials := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "minio-admin", Namespace: b.ns},
		StringData: map[string]string{
			miniov1alpha1.CredentialsKeyAccessKey: env.Server.AccessKey,
			miniov1alpha1.CredentialsKeySecretKey: env.Server.SecretKey,
		},
	}
	b.config = &miniov1alpha1.ProviderConfig{
		ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: b.ns},
		Spec: miniov1alpha1.ProviderConfigSpec{
			Endpoint: endpoint, Region: region,
			Credentials: miniov1alpha1.Credentials{SecretRef: miniov1alpha1.ObjectReference{Name: credentials.Name}},
			CABundle:    &miniov1alpha1.CABundle{Inline: string(env.ca.Cert)},
			Client:      &miniov1alpha1.ClientOptions{Timeout: &metav1.Duration{Duration: callTimeout}},
		},
	}

	return errors.Join(
		env.Kube.Create(ctx, credentials),
		env.Server.S3.MakeBucket(ctx, b.home, miniogo.MakeBucketOptions{}),
		b.put(ctx, b.home, keptObject))
}

// openWindow begins the fault.
func (b *bed) openWindow() {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.window, b.faulty = true, b.cell.operation != ""
}

// between returns what answers a call. It counts the keys that are stored.
func (b *bed) between(c Call, server http.Handler) http.Handler {
	if h := b.meet(c, server); h != nil {
		server = h
	}

	if _, what, _ := strings.Cut(c.Operation, " "); what != "secrets" || !c.Write {
		return server
	}

	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		// Nothing else writes the Secret before this call has ended.
		defer b.countKeys()

		server.ServeHTTP(rw, r)
	})
}

// meet returns what answers a call that meets the fault, or nil.
func (b *bed) meet(c Call, server http.Handler) http.Handler {
	b.mu.Lock()
	defer b.mu.Unlock()

	operation := c.Name
	if c.Server == Kubernetes {
		operation = c.Operation
	}

	if b.window {
		b.called[operation] = true
	}

	if !b.faulty || operation != b.cell.operation || (b.hits > 0 && !b.cell.lasting) {
		return nil
	}

	b.hits++

	return b.cell.fault.between(c, server)
}

func (b *bed) met() int {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.hits
}

// operations returns what was called, sorted.
func (b *bed) operations() []string {
	b.mu.Lock()
	defer b.mu.Unlock()

	return slices.Sorted(maps.Keys(b.called))
}

// countKeys counts the keys that the connection Secret holds.
func (b *bed) countKeys() {
	s := &corev1.Secret{}
	if env.Kube.Get(context.Background(), client.ObjectKey{Namespace: b.ns, Name: userName}, s) != nil {
		return
	}

	pending := struct {
		SecretAccessKey string `json:"secretAccessKey"`
	}{}
	_ = json.Unmarshal(s.Data[miniov1alpha1.ConnectionKeyPending], &pending) // There may be none.

	b.mu.Lock()
	defer b.mu.Unlock()

	for _, k := range []string{pending.SecretAccessKey, string(s.Data[miniov1alpha1.ConnectionKeySecretAccessKey])} {
		if k != "" {
			b.secretKeys[k] = true
		}
	}
}

// sufferFault waits until the fault was met for long enough, and then lifts it.
func (b *bed) sufferFault(ctx context.Context, s situation) error {
	began := time.Now()

	var first time.Time

	for {
		if err := s.holds(b, ctx); err != nil {
			return err
		}

		if first.IsZero() && b.met() > 0 {
			first = time.Now()
		}

		switch {
		case b.cell.operation == "":
			// Polls are to be recorded too.
			if !s.polls || time.Since(began) > 3*faultLasts {
				return nil
			}
		case !first.IsZero() && (!b.cell.lasting || time.Since(first) > faultLasts),
			first.IsZero() && time.Since(began) > faultWaits,
			first.IsZero() && !s.polls && s.done(b, ctx) == nil:
			b.mu.Lock()
			b.faulty = false
			b.mu.Unlock()

			return nil
		}

		time.Sleep(100 * time.Millisecond)
	}
}

// recover waits until all is well after the fault.
func (b *bed) recover(ctx context.Context, s situation) error {
	began := time.Now()

	bounded, cancel := context.WithTimeout(ctx, wellWithin)
	defer cancel()

	var broken error

	err := await.Until(bounded, "all to be well after the fault", func() error {
		if broken = s.holds(b, ctx); broken != nil {
			return nil //nolint:nilerr // It ends the wait, and is returned below.
		}

		return s.done(b, ctx)
	})

	b.after = time.Since(began)

	if err := errors.Join(broken, err, s.holds(b, ctx)); err != nil {
		return err
	}

	b.mu.Lock()
	defer b.mu.Unlock()

	if n := len(b.secretKeys); n > s.keys {
		return fmt.Errorf("%d keys were made, want %d", n, s.keys)
	}

	return nil
}

// close removes what the cell made, as far as its situation left it.
func (b *bed) close(ctx context.Context, m *matrix) {
	b.mu.Lock()
	b.window, b.faulty = false, false
	b.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wellWithin)
	defer cancel()

	all := b.all()
	for _, name := range append(slices.Sorted(maps.Keys(b.buckets)), "home") {
		_ = env.Server.S3.RemoveBucketWithOptions(ctx, b.ns+"-"+name, miniogo.RemoveBucketOptions{ForceDelete: true})
	}

	for _, mg := range all {
		_ = env.Kube.Delete(ctx, mg)
	}

	_ = await.Until(ctx, "the cell's resources to be gone", func() error {
		for _, mg := range all {
			if err := gone(ctx, mg); err != nil {
				return err
			}
		}

		return nil
	})

	_ = env.Kube.Delete(ctx, b.config)
	_ = await.Until(ctx, "the cell's configuration to be gone", func() error { return gone(ctx, b.config) })
	_ = b.server.Close()

	m.mu.Lock()
	defer m.mu.Unlock()

	delete(m.beds, b.ns)
}

// all returns the managed resources that the situation made.
func (b *bed) all() []resource.Managed {
	var all []resource.Managed

	for _, name := range slices.Sorted(maps.Keys(b.buckets)) {
		all = append(all, b.buckets[name])
	}

	if b.policy != nil {
		all = append(all, b.policy)
	}

	if b.user != nil {
		all = append(all, b.user)
	}

	return all
}

func (b *bed) reference() *xpv1.ProviderConfigReference {
	return &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ProviderConfigKind.Kind, Name: b.config.Name}
}

func (b *bed) put(ctx context.Context, bucket, object string) error {
	_, err := env.Server.S3.PutObject(ctx, bucket, object, strings.NewReader("text"), 4, miniogo.PutObjectOptions{})

	return err
}
