//go:build e2e

package component

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	miniogo "github.com/minio/minio-go/v7"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// text answers with a status and a body.
func text(status int, header http.Header, body string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		maps.Copy(rw.Header(), header)
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte(body))
	})
}

// once returns a handler that answers the first call of an operation on an object, and
// a function that returns an error until it did.
func once(operation, object string, h http.Handler) (answer func(Call) http.Handler, done func() error) {
	var (
		mu       sync.Mutex
		answered bool
	)

	return func(c Call) http.Handler {
			mu.Lock()
			defer mu.Unlock()

			if answered || c.Operation != operation || c.Object != object {
				return nil
			}

			answered = true

			return h
		}, func() error {
			mu.Lock()
			defer mu.Unlock()

			if !answered {
				return errors.New("no such call was made")
			}

			return nil
		}
}

// madeKeys returns how many calls since from gave the server a key.
func madeKeys(from int) int {
	n := 0

	calls, _ := env.Proxy.Calls(from)
	for _, c := range calls {
		if c.Operation == "add-user" || c.Operation == "add-service-account" {
			n++
		}
	}

	return n
}

// connectionSecret returns what the connection Secret of a User holds.
func connectionSecret(t *testing.T, u *miniov1alpha1.User) *corev1.Secret {
	t.Helper()

	s := &corev1.Secret{}
	if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(u), s); err != nil {
		t.Fatal(err)
	}

	return s
}

// newRotatedUser returns a ready User whose key is of a generation, and that key.
func newRotatedUser(t *testing.T, ns, home, name string, generation int64) (*miniov1alpha1.User, miniov1alpha1.Connection) {
	t.Helper()

	u := newUser(ns, name, miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite})
	create(t, u)

	c := awaitKey(t, u, 0)
	if generation > 0 {
		rotateNow(t, u, miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{}})
		c = awaitKey(t, u, generation)
	}

	return u, c
}

// TestAnswersChangeNoKey answers once that a user or its key is gone, and removes a user,
// and wants the same access key and secret key to work afterwards.
func TestAnswersChangeNoKey(t *testing.T) {
	startProvider(t, "--poll-interval=1s")
	t.Cleanup(func() { env.Proxy.SetAnswer(nil) })

	marked := http.Header{"X-Amz-Request-Id": {"17F"}}
	badKey := func(code string) string {
		return "<Error><Code>" + code + "</Code><Message>no</Message><RequestId>17F</RequestId></Error>"
	}

	// lose makes the server, or what is before it, lose a user or its key.
	losses := map[string]func(t *testing.T, u *miniov1alpha1.User, c miniov1alpha1.Connection) (done func() error){
		"NoSuchUser": func(_ *testing.T, u *miniov1alpha1.User, _ miniov1alpha1.Connection) func() error {
			answer, done := once("user-info", u.Annotations["crossplane.io/external-name"],
				text(http.StatusNotFound, marked, `{"Code":"XMinioAdminNoSuchUser","Message":"no","RequestId":"17F"}`))
			env.Proxy.SetAnswer(answer)

			return done
		},
		"InvalidAccessKey": func(_ *testing.T, _ *miniov1alpha1.User, c miniov1alpha1.Connection) func() error {
			answer, done := once("GET bucket?location", c.BucketName, text(http.StatusForbidden, marked, badKey("InvalidAccessKeyId")))
			env.Proxy.SetAnswer(answer)

			return done
		},
		"Proxy": func(_ *testing.T, _ *miniov1alpha1.User, c miniov1alpha1.Connection) func() error {
			answer, done := once("GET bucket?location", c.BucketName,
				text(http.StatusForbidden, http.Header{"Server": {"nginx"}}, badKey("SignatureDoesNotMatch")))
			env.Proxy.SetAnswer(answer)

			return done
		},
		"RemoveUser": func(t *testing.T, u *miniov1alpha1.User, c miniov1alpha1.Connection) func() error {
			t.Helper()

			if err := env.Server.RemoveUser(t.Context(), u.Annotations["crossplane.io/external-name"]); err != nil {
				t.Fatal(err)
			}

			return func() error { return works(t.Context(), c) }
		},
	}

	for generation := range int64(2) {
		for name, lose := range losses {
			t.Run(fmt.Sprintf("Generation%d%s", generation, name), func(t *testing.T) {
				ns, home := newHome(t)
				u, c := newRotatedUser(t, ns, home, strings.ToLower(name), generation)
				before, from := connectionSecret(t, u).Data, env.Proxy.Now()

				done := lose(t, u, c)
				await.For(t, "the loss", done)
				time.Sleep(3 * time.Second)
				await.For(t, "the key to work", func() error { return usable(t, u) })

				if !maps.EqualFunc(before, connectionSecret(t, u).Data, slices.Equal) {
					t.Error("want the same access key and secret key")
				}

				if n := madeKeys(from); n > 0 && name != "RemoveUser" {
					t.Errorf("want no key to be set, got %d", n)
				}
			})
		}
	}
}

// TestRejectedSecretWrites lets the API server reject writes of a connection Secret
// during a rotation, once and for a while, before and after the next key is stored, and
// wants the earlier key to work until another one is published, and one to be made.
func TestRejectedSecretWrites(t *testing.T) {
	startProvider(t)
	t.Cleanup(func() { env.Proxy.SetAnswer(nil) })

	ns, home := newHome(t)

	var (
		mu sync.Mutex
		// skip and reject are how many writes pass and are then rejected, by Secret.
		skip, reject, status = map[string]int{}, map[string]int{}, map[string]int{}
	)

	env.Proxy.SetAnswer(func(c Call) http.Handler {
		mu.Lock()
		defer mu.Unlock()

		if _, secret, _ := strings.Cut(c.Operation, " "); secret != "secrets" || !c.Write || status[c.Object] == 0 {
			return nil
		}

		if skip[c.Object]--; skip[c.Object] >= 0 {
			return nil
		}

		if reject[c.Object]--; reject[c.Object] < 0 {
			return nil
		}

		return text(status[c.Object], http.Header{"Content-Type": {"application/json"}},
			fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"rejected by the test","reason":"","code":%d}`, status[c.Object]))
	})

	from, users := env.Proxy.Now(), 0

	t.Cleanup(func() {
		calls, _ := env.Proxy.Calls(from)
		calls = slices.DeleteFunc(calls, func(c Call) bool { return c.Operation != "add-service-account" })

		if len(calls) > users {
			t.Errorf("want one rotation of %d users to make one key each, got %d", users, len(calls))
		}
	})

	for _, code := range []int{
		http.StatusInternalServerError, http.StatusForbidden, http.StatusUnprocessableEntity,
		http.StatusTooManyRequests, http.StatusConflict, http.StatusServiceUnavailable,
	} {
		for name, n := range map[string][2]int{"Once": {0, 1}, "OnceStored": {1, 1}, "Lasting": {0, 1e6}, "LastingStored": {1, 1e6}} {
			users++

			t.Run(fmt.Sprintf("%d%s", code, name), func(t *testing.T) {
				t.Parallel()

				u, last := newRotatedUser(t, ns, home, fmt.Sprintf("rejected-%d-%s", code, strings.ToLower(name)), 0)
				secret := ns + "/" + u.Name

				mu.Lock()
				skip[secret], reject[secret], status[secret] = n[0], n[1], code
				mu.Unlock()

				rotateNow(t, u, miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{}})

				if n[1] > 1 {
					await.For(t, "the rejection to be reported", func() error { return reports(t, u, `Secret "`+u.Name+`"`) })

					for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
						if err := works(t.Context(), last); err != nil {
							t.Fatalf("want the earlier key to work while no other can be published: %v", err)
						}
					}

					mu.Lock()
					reject[secret] = 0
					mu.Unlock()
				}

				awaitKey(t, u, 1)
			})
		}
	}
}

// reports returns an error unless a User's condition Synced is False and says a text.
func reports(t *testing.T, u *miniov1alpha1.User, text string) error {
	t.Helper()

	if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
		return err
	}

	if c := u.GetCondition(xpv1.TypeSynced); c.Status != corev1.ConditionFalse || !strings.Contains(c.Message, text) {
		return fmt.Errorf("want Synced to be False with %q, got %s: %s", text, c.Status, c.Message)
	}

	return nil
}

// TestTerminatingNamespace deletes a namespace whose bucket is not empty, which takes the
// connection Secrets before the Users, and wants the keys to work until the bucket is
// gone.
func TestTerminatingNamespace(t *testing.T) {
	startProvider(t, "--poll-interval=2s")

	const users = 10

	ns := newNamespace(t)
	b := newBucket(ns, "full")
	create(t, b)
	await.For(t, "the bucket", func() error { return settled(t.Context(), b) })

	// Trying a key puts and removes another object.
	if _, err := env.Server.S3.PutObject(t.Context(), b.Name, "kept", strings.NewReader("text"), 4, miniogo.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	keys := map[*miniov1alpha1.User]miniov1alpha1.Connection{}

	for i := range users {
		u, c := newRotatedUser(t, ns, b.Name, fmt.Sprintf("u-%d", i), 0)
		keys[u] = c
	}

	awaitIdle(t)

	from := env.Proxy.Now()

	if err := env.Kube.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}); err != nil {
		t.Fatal(err)
	}

	await.For(t, "the Secrets to be gone, and the Users to wait for the bucket", func() error {
		for u := range keys {
			if err := errors.Join(gone(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: u.Name}}), reports(t, u, "is kept while it has access to")); err != nil {
				return err
			}
		}

		return nil
	})

	for u, c := range keys {
		if err := works(t.Context(), c); err != nil {
			t.Errorf("%s: %v", u.Name, err)
		}
	}

	if n := madeKeys(from); n > 0 {
		t.Errorf("want no key to be set in a namespace that is being deleted, got %d", n)
	}

	if err := env.Server.S3.RemoveObject(t.Context(), b.Name, "kept", miniogo.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, env.Kube, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
}

// TestServedKeyWorks lets a controller serve an earlier key, and wants that to work until
// the current one is served.
func TestServedKeyWorks(t *testing.T) {
	startProvider(t, "--poll-interval=1s")

	ns, home := newHome(t)
	u, first := newRotatedUser(t, ns, home, "served", 0)

	rotateNow(t, u, miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{}, ServedAccessKeyID: first.AccessKeyID})
	await.For(t, "the next key", func() error {
		if err := usable(t, u); err != nil || u.Status.AtProvider.Generation != 1 {
			return errors.Join(err, fmt.Errorf("generation %d", u.Status.AtProvider.Generation))
		}

		return nil
	})
	time.Sleep(4 * time.Second)

	if err := works(t.Context(), first); err != nil {
		t.Errorf("want the served key to work: %v", err)
	}

	await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) {
		u.Spec.ForProvider.Rotation.ServedAccessKeyID = u.Status.AtProvider.AccessKeyID
	})
	await.For(t, "the first key to be revoked", func() error { return revoked(t.Context(), first) })
}

// TestImmutableSecret wants a User whose Secret cannot be written to say so and to keep
// its key, and to get the next one once the Secret is deleted.
func TestImmutableSecret(t *testing.T) {
	startProvider(t, "--poll-interval=1s")

	ns, home := newHome(t)
	u, last := newRotatedUser(t, ns, home, "immutable", 0)
	from := env.Proxy.Now()

	s := connectionSecret(t, u)
	await.Change(t, env.Kube, s, func(s *corev1.Secret) { s.Immutable = new(true) })
	rotateNow(t, u, miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{}})
	await.For(t, "what is to be done", func() error { return reports(t, u, `Secret "`+u.Name+`" is immutable: delete it`) })
	time.Sleep(3 * time.Second)

	if err := works(t.Context(), last); err != nil || madeKeys(from) > 0 {
		t.Errorf("want the key to stay and no other to be made, got %v, %d", err, madeKeys(from))
	}

	if err := env.Kube.Delete(t.Context(), s); err != nil {
		t.Fatal(err)
	}

	awaitKey(t, u, 1)
}

// TestShorterOverlapCountsAtOnce shortens the overlap of a key that was replaced before.
func TestShorterOverlapCountsAtOnce(t *testing.T) {
	startProvider(t)

	ns, home := newHome(t)
	u, first := newRotatedUser(t, ns, home, "shorter", 0)

	rotateNow(t, u, miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{Duration: 24 * time.Hour}})
	await.For(t, "the next key", func() error {
		if err := usable(t, u); err != nil || len(u.Status.AtProvider.RetiringKeys) != 1 || u.Status.AtProvider.RetiringKeys[0].Until == nil {
			return errors.Join(err, fmt.Errorf("retiring %v", u.Status.AtProvider.RetiringKeys))
		}

		return nil
	})

	if err := works(t.Context(), first); err != nil {
		t.Errorf("want the first key to work in the overlap: %v", err)
	}

	await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Rotation.Overlap = &metav1.Duration{} })
	await.For(t, "the first key to be revoked", func() error { return revoked(t.Context(), first) })
}
