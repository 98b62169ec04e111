//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/clients"
)

// newUser returns a User that publishes its key under its own name.
func newUser(ns, name string, grants ...miniov1alpha1.Grant) *miniov1alpha1.User {
	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns}}
	u.Spec.ForProvider.Grants = grants
	u.Spec.WriteConnectionSecretToReference = &xpv1.LocalSecretReference{Name: name}

	return u
}

// publishedBy returns the connection Secret of a User.
func publishedBy(t testing.TB, u *miniov1alpha1.User) *corev1.Secret {
	t.Helper()

	s := &corev1.Secret{}
	if err := kube.Get(t.Context(), types.NamespacedName{Namespace: u.Namespace, Name: u.Name}, s); err != nil {
		t.Fatal(err)
	}

	return s
}

// keysOf returns an S3 client with the keys that a User publishes, once they are
// all there.
func keysOf(t *testing.T, u *miniov1alpha1.User) *miniogo.Client {
	t.Helper()

	var s3 *miniogo.Client

	await.For(t, "the connection Secret to be complete", func() error {
		s := &corev1.Secret{}
		if err := kube.Get(t.Context(), types.NamespacedName{Namespace: u.Namespace, Name: u.Name}, s); err != nil {
			return err
		}

		for _, k := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3", "AWS_REGION"} {
			if len(s.Data[k]) == 0 {
				return errors.New("it has no " + k)
			}
		}

		var err error
		s3, err = clients.S3(plat, string(s.Data["AWS_ENDPOINT_URL_S3"]), string(s.Data["AWS_ACCESS_KEY_ID"]), string(s.Data["AWS_SECRET_ACCESS_KEY"]))

		return err
	})

	return s3
}

// wantRejected wants an error by which the server says that it does not know a
// key.
func wantRejected(act string, err error) error {
	if code := miniogo.ToErrorResponse(err).Code; code != miniogo.InvalidAccessKeyID && code != miniogo.SignatureDoesNotMatch {
		return fmt.Errorf("%s: want the key to be rejected, got %w", act, err)
	}

	return nil
}

// attach lets a user hold one more policy.
func attach(ctx context.Context, policy, user string) error {
	_, err := admin.AttachPolicy(ctx, madmin.PolicyAssociationReq{Policies: []string{policy}, User: user})

	return err
}

// TestUserHeals damages a user in MinIO and in Kubernetes.
func TestUserHeals(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	b := newBucket(ns, "healing")
	create(t, b)

	u := newUser(ns, "healing", miniov1alpha1.Grant{BucketName: b.Name, Access: miniov1alpha1.AccessReadWrite})
	create(t, u)
	waitAvailable(t, b)
	waitAvailable(t, u)

	key := u.Status.AtProvider.AccessKeyID
	own := key

	damages := map[string]func() error{
		"Policy": func() error {
			return admin.AddCannedPolicy(ctx, own, []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`))
		},
		"PolicyOfUser": func() error { return attach(ctx, "consoleAdmin", own) },
		"Disabled":     func() error { return admin.SetUserStatus(ctx, own, madmin.AccountDisabled) },
		"Secret": func() error {
			return kube.Delete(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: u.Name}})
		},
		"SecretEdited": func() error {
			await.Change(t, kube, publishedBy(t, u), func(s *corev1.Secret) { s.Data["AWS_SECRET_ACCESS_KEY"] = []byte("edited-by-hand") })
			return nil
		},
		"SecretEditedElsewhere": func() error {
			await.Change(t, kube, publishedBy(t, u), func(s *corev1.Secret) { s.Data["rclone.conf"] = []byte("edited-by-hand") })
			return nil
		},
		"KeyReplaced": func() error { return admin.AddUser(ctx, own, "another-secret-key") },
		"User":        func() error { return admin.RemoveUser(ctx, own) },
	}
	heal := func(t *testing.T, damage func() error) {
		if err := damage(); err != nil {
			t.Fatal(err)
		}

		look(t, u)
		await.For(t, "the key to work again, and for this bucket only", func() error {
			s3 := keysOf(t, u)
			if _, err := list(ctx, s3, b.Name); err != nil {
				return err
			}

			if _, err := list(ctx, s3, "no-such-bucket-of-"+ns); miniogo.ToErrorResponse(err).Code != miniogo.AccessDenied {
				return fmt.Errorf("another bucket: %w", err)
			}

			s := publishedBy(t, u)
			if !bytes.Contains(s.Data["rclone.conf"], s.Data["AWS_SECRET_ACCESS_KEY"]) {
				return errors.New("the shapes of the Secret are out of step")
			}

			return nil
		})
		waitAvailable(t, u)
	}

	for name, damage := range damages {
		t.Run(name, func(t *testing.T) { heal(t, damage) })
	}

	// The same with a key that is not the user's own.
	await.Change(t, kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now"} })
	waitGeneration(t, u, 1)

	damages["Key"] = func() error { return admin.DeleteServiceAccount(ctx, u.Status.AtProvider.AccessKeyID) }
	delete(damages, "KeyReplaced")

	for name, damage := range damages {
		t.Run("Rotated"+name, func(t *testing.T) { heal(t, damage) })
	}
}

// TestUserAccess does with keys of each kind of access what it allows and what it
// does not.
func TestUserAccess(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	b := newBucket(ns, "access")
	create(t, b)
	waitAvailable(t, b)

	t.Cleanup(func() { empty(t, admin.S3, b.Name) })

	for _, key := range []string{"in/a", "out/a"} {
		if err := put(ctx, admin.S3, b.Name, key); err != nil {
			t.Fatal(err)
		}
	}

	acts := map[string]func(s3 *miniogo.Client, prefix string) error{
		"list": func(s3 *miniogo.Client, prefix string) error {
			for o := range s3.ListObjects(ctx, b.Name, miniogo.ListObjectsOptions{Prefix: prefix}) {
				return o.Err
			}

			return nil
		},
		"read": func(s3 *miniogo.Client, prefix string) error {
			o, err := s3.GetObject(ctx, b.Name, prefix+"a", miniogo.GetObjectOptions{})
			if err == nil {
				_, err = io.ReadAll(o)
			}

			return err
		},
		"write":  func(s3 *miniogo.Client, prefix string) error { return put(ctx, s3, b.Name, prefix+"b") },
		"delete": func(s3 *miniogo.Client, prefix string) error { return remove(ctx, s3, b.Name, prefix+"b") },
		"settings": func(s3 *miniogo.Client, _ string) error {
			return s3.EnableVersioning(ctx, b.Name)
		},
		"policy": func(s3 *miniogo.Client, _ string) error {
			return s3.SetBucketPolicy(ctx, b.Name, `{"Version":"2012-10-17","Statement":[]}`)
		},
	}

	cases := map[string]struct {
		reason string
		grant  miniov1alpha1.Grant
		inside []string
		beside []string
	}{
		"readwrite":        {reason: "Objects, not settings.", grant: miniov1alpha1.Grant{Access: miniov1alpha1.AccessReadWrite}, inside: []string{"list", "read", "write", "delete"}, beside: []string{"list", "read", "write", "delete"}},
		"readonly":         {reason: "Nothing can be changed.", grant: miniov1alpha1.Grant{Access: miniov1alpha1.AccessReadOnly}, inside: []string{"list", "read"}, beside: []string{"list", "read"}},
		"writeonly":        {reason: "Nothing can be read or deleted.", grant: miniov1alpha1.Grant{Access: miniov1alpha1.AccessWriteOnly}, inside: []string{"write"}, beside: []string{"write"}},
		"prefix":           {reason: "What is not below the prefix is out of reach.", grant: miniov1alpha1.Grant{Access: miniov1alpha1.AccessReadWrite, Prefix: "in/"}, inside: []string{"list", "read", "write", "delete"}},
		"prefix-readonly":  {reason: "What is not below the prefix is out of reach.", grant: miniov1alpha1.Grant{Access: miniov1alpha1.AccessReadOnly, Prefix: "in/"}, inside: []string{"list", "read"}},
		"prefix-writeonly": {reason: "What is not below the prefix is out of reach.", grant: miniov1alpha1.Grant{Access: miniov1alpha1.AccessWriteOnly, Prefix: "in/"}, inside: []string{"write"}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.grant.BucketName = b.Name
			u := newUser(ns, name, tc.grant)
			create(t, u)
			waitAvailable(t, u)
			s3 := keysOf(t, u)

			for prefix, allowed := range map[string][]string{"in/": tc.inside, "out/": tc.beside} {
				// Deleting comes last: it deletes what was written.
				for _, act := range []string{"list", "read", "write", "delete", "settings", "policy"} {
					err := acts[act](s3, prefix)
					if !slices.Contains(allowed, act) {
						wantDenied(t, act+" "+prefix, err)
					} else if err != nil {
						t.Errorf("%s\n%s %s: %v", tc.reason, act, prefix, err)
					}
				}
			}
		})
	}

	t.Run("Changed", func(t *testing.T) {
		u := newUser(ns, "changed", miniov1alpha1.Grant{BucketName: b.Name, Access: miniov1alpha1.AccessReadOnly})
		create(t, u)
		waitAvailable(t, u)
		await.Change(t, kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Grants[0].Access = miniov1alpha1.AccessReadWrite })
		await.For(t, "the key to write", func() error { return put(ctx, keysOf(t, u), b.Name, "in/changed") })
		await.Change(t, kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Grants = nil })
		await.For(t, "the key to do nothing", func() error {
			if err := put(ctx, keysOf(t, u), b.Name, "in/changed"); miniogo.ToErrorResponse(err).Code != miniogo.AccessDenied {
				return fmt.Errorf("want AccessDenied, got %w", err)
			}

			return nil
		})
		await.For(t, "the Secret to name no bucket", func() error {
			if b, named := publishedBy(t, u).Data["BUCKET_NAME"]; named {
				return fmt.Errorf("it names %q", b)
			}

			return nil
		})
	})
}

// TestUserShapes uses the connection Secret in a shape of another client.
func TestUserShapes(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	b := newBucket(ns, "shapes")
	create(t, b)

	u := newUser(ns, "shapes", miniov1alpha1.Grant{BucketRef: &xpv1.NamespacedReference{Name: b.Name}})
	create(t, u)
	waitAvailable(t, u)

	d := publishedBy(t, u).Data
	for shape, keys := range map[string][2]string{
		"AWS":       {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
		"Cozystack": {"accessKey", "secretKey"},
		"COSI":      {"COSI_S3_ACCESS_KEY_ID", "COSI_S3_ACCESS_SECRET_KEY"},
	} {
		s3, err := clients.S3(plat, string(d["COSI_S3_ENDPOINT"]), string(d[keys[0]]), string(d[keys[1]]))
		if err != nil {
			t.Fatal(err)
		}

		if _, err := list(ctx, s3, string(d["BUCKET_NAME"])); err != nil {
			t.Errorf("%s: %v", shape, err)
		}
	}

	for _, file := range []string{"credentials", "cloud", "rclone.conf", "s3cfg"} {
		if !bytes.Contains(d[file], d["secretKey"]) {
			t.Errorf("%s does not hold the key", file)
		}
	}
}

// waitGeneration waits until a User's key of a generation is published.
func waitGeneration(t *testing.T, u *miniov1alpha1.User, generation int64) {
	t.Helper()
	await.For(t, fmt.Sprintf("generation %d", generation), func() error {
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
			return err
		}

		s := u.Status.AtProvider
		// Until the new key is made, the one that retires is the current one.
		retires := slices.ContainsFunc(s.RetiringKeys, func(k miniov1alpha1.RetiringKey) bool { return k.AccessKeyID == s.AccessKeyID })
		if got := string(publishedBy(t, u).Data["AWS_ACCESS_KEY_ID"]); s.Generation != generation || got != s.AccessKeyID || retires {
			return fmt.Errorf("generation %d, key %s, published %s; %s", s.Generation, s.AccessKeyID, got, u.GetCondition(xpv1.TypeSynced).Message)
		}

		return nil
	})
}

// TestUserRotation replaces a key at once and by schedule: the old one works
// beside the new one for a while, and then no longer.
func TestUserRotation(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	b := newBucket(ns, "rotation")
	create(t, b)

	u := newUser(ns, "rotation", miniov1alpha1.Grant{BucketName: b.Name, Access: miniov1alpha1.AccessReadWrite})
	create(t, u)
	waitAvailable(t, b)
	waitAvailable(t, u)

	first := keysOf(t, u)
	rotate := func(trigger string, overlap time.Duration) {
		await.Change(t, kube, u, func(u *miniov1alpha1.User) {
			u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: trigger, Overlap: &metav1.Duration{Duration: overlap}}
		})
	}

	rotate("one", 20*time.Second)
	waitGeneration(t, u, 1)

	second := keysOf(t, u)
	for name, s3 := range map[string]*miniogo.Client{"old": first, "new": second} {
		if _, err := list(ctx, s3, b.Name); err != nil {
			t.Errorf("the %s key does not work in the overlap: %v", name, err)
		}
	}

	await.For(t, "the first key to end", func() error { _, err := list(ctx, first, b.Name); return wantRejected("list", err) })

	if _, err := list(ctx, second, b.Name); err != nil {
		t.Errorf("the second key went with the first: %v", err)
	}

	rotate("two", 0)
	waitGeneration(t, u, 2)
	await.For(t, "the second key to end at once", func() error { _, err := list(ctx, second, b.Name); return wantRejected("list", err) })
	await.For(t, "the status to say so", func() error {
		if err := kube.Get(ctx, client.ObjectKeyFromObject(u), u); err != nil || len(u.Status.AtProvider.RetiringKeys) == 0 {
			return err
		}

		return fmt.Errorf("it holds %v", u.Status.AtProvider.RetiringKeys)
	})

	third := keysOf(t, u)

	// RemoveUser takes the later keys with it.
	if err := kube.Delete(ctx, b); err != nil {
		t.Fatal(err)
	}

	if err := kube.Delete(ctx, u); err != nil {
		t.Fatal(err)
	}

	await.For(t, "the third key to go with the user", func() error { _, err := list(ctx, third, b.Name); return wantRejected("list", err) })
}

// TestUserRotationBySchedule lets the interval ask for new keys.
func TestUserRotationBySchedule(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)

	u := newUser(ns, "schedule")
	u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Interval: &metav1.Duration{Duration: time.Minute}, Overlap: &metav1.Duration{}}
	create(t, u)
	waitAvailable(t, u)

	if next := u.Status.AtProvider.NextRotationAt; next == nil || time.Until(next.Time) > time.Minute {
		t.Fatalf("want the next key within a minute, got %v", next)
	}

	// A minute is the least that may be asked for.
	time.Sleep(time.Until(u.Status.AtProvider.NextRotationAt.Time))
	waitGeneration(t, u, 1)
}

// TestUserDisabled keeps a user out for a while.
func TestUserDisabled(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	b := newBucket(ns, "disabled")
	create(t, b)

	u := newUser(ns, "disabled", miniov1alpha1.Grant{BucketName: b.Name, Access: miniov1alpha1.AccessReadOnly})
	create(t, u)
	waitAvailable(t, b)
	waitAvailable(t, u)

	s3 := keysOf(t, u)
	lists := func() error { _, err := list(ctx, s3, b.Name); return err }

	await.Change(t, kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Enabled = new(false) })
	waitCondition(t, u, xpv1.TypeReady, corev1.ConditionFalse, "is disabled")

	if err := wantRejected("list", lists()); err != nil {
		t.Error(err)
	}

	if err := admin.SetUserStatus(ctx, u.Status.AtProvider.AccessKeyID, madmin.AccountEnabled); err != nil {
		t.Fatal(err)
	}

	look(t, u)
	await.For(t, "the user to be kept out again", func() error { return wantRejected("list", lists()) })

	await.Change(t, kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Enabled = nil })
	waitAvailable(t, u)
	await.For(t, "the same key to work again", lists)
}

// TestUserPolicies gives a user a policy by name, reference and selector.
func TestUserPolicies(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	b := newBucket(ns, "policies")
	create(t, b)
	waitAvailable(t, b)

	p := newPolicy(ns, "list", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::`+b.Name+`"]}]}`)
	p.Labels = map[string]string{"e2e": "list"}
	create(t, p)
	waitAvailable(t, p)

	for name, a := range map[string]miniov1alpha1.PolicyAttachment{
		"name":     {PolicyName: p.Name},
		"ref":      {PolicyRef: &xpv1.NamespacedReference{Name: p.Name}},
		"selector": {PolicySelector: &xpv1.NamespacedSelector{MatchLabels: p.Labels}},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUser(ns, "by-"+name)
			u.Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{a}
			create(t, u)
			waitAvailable(t, u)

			if _, err := list(ctx, keysOf(t, u), b.Name); err != nil {
				t.Errorf("list: %v", err)
			}

			wantDenied(t, "write", put(ctx, keysOf(t, u), b.Name, "x"))

			await.Change(t, kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Policies = nil })
			await.For(t, "the key to do nothing", func() error {
				if _, err := list(ctx, keysOf(t, u), b.Name); miniogo.ToErrorResponse(err).Code != miniogo.AccessDenied {
					return fmt.Errorf("want AccessDenied, got %w", err)
				}

				return nil
			})
		})
	}
}

// TestPolicyStaysWithItsHolder deletes a policy that somebody holds: it stays,
// says by whom, and goes with its holder.
func TestPolicyStaysWithItsHolder(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	p := newPolicy(ns, "held", listPhotos)
	create(t, p)

	u := newUser(ns, "holder")
	u.Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{{PolicyRef: &xpv1.NamespacedReference{Name: p.Name}}}
	create(t, u)
	waitAvailable(t, u)

	if err := kube.Delete(ctx, p); err != nil {
		t.Fatal(err)
	}

	waitCondition(t, p, xpv1.TypeSynced, corev1.ConditionFalse, `is attached to User "`+ns+`/holder"`)

	if err := kube.Delete(ctx, u); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, kube, u)
	await.Gone(t, kube, p)
}

// TestUserStaysWithItsBucket deletes a user before its bucket: the key works as
// long as there is something to open with it.
func TestUserStaysWithItsBucket(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	b := newBucket(ns, "stays")
	create(t, b)

	u := newUser(ns, "stays", miniov1alpha1.Grant{BucketName: b.Name})
	other := newUser(ns, "goes", miniov1alpha1.Grant{BucketName: b.Name})
	other.Spec.ForProvider.WhenBucketsRemain = miniov1alpha1.WhenBucketsRemainRemove

	create(t, u)
	create(t, other)
	waitAvailable(t, b)
	waitAvailable(t, u)
	waitAvailable(t, other)

	s3 := keysOf(t, u)

	for _, u := range []*miniov1alpha1.User{u, other} {
		if err := kube.Delete(ctx, u.DeepCopy()); err != nil {
			t.Fatal(err)
		}
	}

	waitCondition(t, u, xpv1.TypeSynced, corev1.ConditionFalse, `stays while there is Bucket "`+ns+"/"+b.Name)
	await.Gone(t, kube, other)

	if _, err := list(ctx, s3, b.Name); err != nil {
		t.Errorf("the key does not work: %v", err)
	}

	if err := kube.Delete(ctx, b); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, kube, u)
}

// TestInvalidUsers hands in what must be refused.
func TestInvalidUsers(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)

	for name, tc := range map[string]struct{ forProvider, text string }{
		"GrantOnNothing":  {"{grants: [{access: ReadOnly}]}", "one of bucketName, bucketRef and bucketSelector"},
		"PatternAsBucket": {"{grants: [{bucketName: 'a*b'}]}", "grants[0].bucketName"},
		"PatternAsPrefix": {"{grants: [{bucketName: abc, prefix: '*'}]}", "grants[0].prefix"},
		"Variable":        {"{grants: [{bucketName: abc, prefix: '${aws:username}/'}]}", "grants[0].prefix"},
		"UnknownAccess":   {"{grants: [{bucketName: abc, access: Everything}]}", "access"},
		"PolicyOfNothing": {"{policies: [{}]}", "one of policyName, policyRef and policySelector"},
		"TwoPolicies":     {"{policies: [{policyName: 'a,b'}]}", "policyName"},
		"ShortInterval":   {"{rotation: {interval: 1s, overlap: 0s}}", "interval must be at least 1m"},
		"LongOverlap":     {"{rotation: {interval: 1h}}", "overlap, 24h unless it is set, cannot be longer than interval"},
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, "{apiVersion: minio.cistern.dev/v1alpha1, kind: User, metadata: {name: invalid}, spec: {forProvider: "+tc.forProvider+"}}",
				[]string{"apply", "--namespace", ns, "-f", "-"}, tc.text)
		})
	}
}
