package user

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/minio/madmin-go/v3"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

func newScheme(t *testing.T) *runtime.Scheme {
	t.Helper()

	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, miniov1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}

	return s
}

func TestCreateMakesOneEncryptedCall(t *testing.T) {
	b := newBed(t)

	if busy, err := b.reconcile(); !busy || err != nil {
		t.Fatalf("reconcile: %t, %v", busy, err)
	}

	if diff := cmp.Diff([]string{"AddCannedPolicy", "AddUser", "SetPolicy"}, b.calls); diff != "" {
		t.Errorf("Create(...): -want calls, +got calls:\n%s", diff)
	}

	b.settle()
	b.wantWorkingKey("A new user's key works.")

	if b.located != 2 {
		t.Errorf("want the key to be proven once, by two calls, got %d", b.located)
	}

	if diff := cmp.Diff([]string{"AddCannedPolicy", "AddUser", "SetPolicy"}, b.calls); diff != "" {
		t.Errorf("Observe(...): -want calls, +got calls:\n%s", diff)
	}
}

// TestHeals lets something be amiss with a user that exists and wants it mended,
// with the calls that takes and no others.
func TestHeals(t *testing.T) {
	cases := map[string]struct {
		reason string
		damage func(*bed)
		calls  []string
	}{
		"Nothing": {
			reason: "A user in order is left alone.",
			damage: func(*bed) {},
		},
		"SecretGone": {
			reason: "A key that was lost is replaced, and what was drawn from it ends.",
			damage: func(b *bed) { _ = b.kube.Delete(b.t.Context(), b.secret()) },
			calls:  []string{"AddUser", "RevokeTokens"},
		},
		"SecretOfAnotherKey": {
			reason: "A Secret that holds another access key does not help.",
			damage: func(b *bed) {
				b.publish(miniov1alpha1.Connection{AccessKeyID: "SOMEBODY", SecretAccessKey: kept}.Details())
			},
			calls: []string{"AddUser", "RevokeTokens"},
		},
		"SecretEdited": {
			reason: "A key that does not work is replaced.",
			damage: func(b *bed) {
				b.publish(miniov1alpha1.Connection{AccessKeyID: key, SecretAccessKey: kept}.Details())
			},
			calls: []string{"AddUser", "RevokeTokens"},
		},
		"KeyReplaced": {
			reason: "A key that was replaced on the server no longer works.",
			damage: func(b *bed) { b.keys[key] = kept },
			calls:  []string{"AddUser", "RevokeTokens"},
		},
		"PolicyTakenAway": {
			reason: "The user gets its policy back, and keeps its key.",
			damage: func(b *bed) { b.fakeServer.user.PolicyName = "" },
			calls:  []string{"SetPolicy"},
		},
		"AnotherPolicyAdded": {
			reason: "The user holds its own policies only.",
			damage: func(b *bed) { b.fakeServer.user.PolicyName = key + ",consoleAdmin" },
			calls:  []string{"SetPolicy"},
		},
		"PolicyWidened": {
			reason: "The policy says what the grants say.",
			damage: func(b *bed) {
				b.policy = []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`)
			},
			calls: []string{"AddCannedPolicy"},
		},
		"PolicyGone": {
			reason: "The policy is written again.",
			damage: func(b *bed) { b.policy = nil },
			calls:  []string{"AddCannedPolicy"},
		},
		"Disabled": {
			reason: "The user is enabled again.",
			damage: func(b *bed) { b.fakeServer.user.Status = madmin.AccountDisabled },
			calls:  []string{"SetUserStatus"},
		},
		"DisabledAndTakenAway": {
			reason: "The user is enabled before it gets its policy: the server denies that a disabled one exists.",
			damage: func(b *bed) { b.fakeServer.user.Status, b.fakeServer.user.PolicyName = madmin.AccountDisabled, "" },
			calls:  []string{"SetUserStatus", "SetPolicy"},
		},
		"Gone": {
			reason: "A user that is gone is made again.",
			damage: func(b *bed) { b.fakeServer.user = nil; clear(b.keys) },
			calls:  []string{"AddCannedPolicy", "AddUser", "SetPolicy"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newReadyBed(t)
			tc.damage(b)
			// Policy and key take turns.
			b.settle()
			b.settle()
			b.wantWorkingKey(tc.reason)

			if diff := cmp.Diff(tc.calls, b.calls, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\n-want calls, +got calls:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestEndpointElsewhere lets the public endpoint lead to another server: a
// new key would fare no better there, so none is made.
func TestEndpointElsewhere(t *testing.T) {
	b := newReadyBed(t)
	b.elsewhere = true
	b.proofs.forget(b.user)

	for range 3 {
		if _, err := b.reconcile(); err == nil || !strings.Contains(err.Error(), "correct publicEndpoint") {
			t.Errorf("reconcile: want an error that says what to correct, got %v", err)
		}
	}

	if len(b.calls) > 0 {
		t.Errorf("reconcile: want no change, got %v", b.calls)
	}

	if c := b.user.GetCondition(xpv1.TypeReady); c.Reason != miniov1alpha1.ReasonUnproven {
		t.Errorf("want reason %s, got %s", miniov1alpha1.ReasonUnproven, c.Reason)
	}
}

// TestStaleCache lets a key be published that the resource, as it was read, knows
// nothing of: it is not replaced.
func TestStaleCache(t *testing.T) {
	b := newReadyBed(t)
	stale := b.user.DeepCopy()

	b.user.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now"}
	b.settle()
	b.calls = nil

	_, err := b.external().Observe(t.Context(), stale)
	if !kerrors.IsConflict(err) || len(b.calls) > 0 {
		t.Errorf("Observe(...): want a conflict and no call, got %v, %v", err, b.calls)
	}
}

// TestProofTellsTooMuch lets a server allow what no grant does.
func TestProofTellsTooMuch(t *testing.T) {
	b := newBed(t)
	e := b.external()
	e.locate = func(context.Context, string, string, minio.Secret, string) error { return nil }

	if err := e.prove(t.Context(), b.user, kept); err == nil || !strings.Contains(err.Error(), "what no grant allows") {
		t.Errorf("prove(...): want an error, got %v", err)
	}
}

// TestPolicies gives a user policies beside its grants, and takes them again.
func TestPolicies(t *testing.T) {
	b := newReadyBed(t)

	b.user.Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{{PolicyName: "readonly"}, {PolicyName: "diagnostics"}, {PolicyName: "readonly"}}
	b.settle()

	if want := key + ",readonly,diagnostics"; b.fakeServer.user.PolicyName != want {
		t.Errorf("want policies %s, got %s", want, b.fakeServer.user.PolicyName)
	}

	// The order in which the server tells them means nothing.
	b.fakeServer.user.PolicyName, b.calls = "diagnostics,readonly,"+key, nil
	b.settle()

	if len(b.calls) > 0 {
		t.Errorf("want no call, got %v", b.calls)
	}

	b.user.Spec.ForProvider.Policies = nil
	b.settle()

	if b.fakeServer.user.PolicyName != key {
		t.Errorf("want the user's own policy only, got %s", b.fakeServer.user.PolicyName)
	}
}

// TestDisabled keeps a user out and lets it in again, with the key that it had.
func TestDisabled(t *testing.T) {
	b := newReadyBed(t)
	_, before := b.published()

	b.user.Spec.ForProvider.Enabled = new(false)
	b.settle()

	if c := b.user.GetCondition(xpv1.TypeReady); b.fakeServer.user.Status != madmin.AccountDisabled || c.Reason != miniov1alpha1.ReasonDisabled {
		t.Errorf("want a disabled user that says so, got %s, %s", b.fakeServer.user.Status, c.Reason)
	}

	b.user.Spec.ForProvider.Enabled = new(true)
	b.settle()
	b.wantWorkingKey("A user that is enabled again is ready.")

	if _, after := b.published(); after != before {
		t.Error("the key changed")
	}

	if diff := cmp.Diff([]string{"SetUserStatus", "SetUserStatus"}, b.calls); diff != "" {
		t.Errorf("-want calls, +got calls:\n%s", diff)
	}
}

// TestCreateHealsAfterCrash lets Create end after each of its calls, its result
// lost, and wants what follows to end with a working user.
func TestCreateHealsAfterCrash(t *testing.T) {
	for _, last := range []string{"AddCannedPolicy", "AddUser", "SetPolicy"} {
		t.Run(last, func(t *testing.T) {
			b := newBed(t)
			b.fail = last

			if _, err := b.reconcile(); !errors.Is(err, errInjected) {
				t.Fatalf("reconcile: want the injected error, got %v", err)
			}

			b.fail = ""
			b.settle()
			b.wantWorkingKey("A user whose creation was cut short is mended.")

			if b.user.Status.AtProvider.PublishedHash == "" {
				t.Error("nobody would learn of the new key")
			}
		})
	}
}

// TestPublishesWhatDiffers wants what is published already not to be published again.
func TestPublishesWhatDiffers(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		change func(map[string][]byte)
		want   bool
	}{
		"Same":   {reason: "There is nothing to write.", change: func(map[string][]byte) {}},
		"Less":   {reason: "What was taken away is put back.", change: func(d map[string][]byte) { delete(d, miniov1alpha1.ConnectionKeyRegion) }, want: true},
		"More":   {reason: "What was added is taken away.", change: func(d map[string][]byte) { d["note"] = []byte("mine") }, want: true},
		"Edited": {reason: "What was edited is put back.", change: func(d map[string][]byte) { d[miniov1alpha1.ConnectionKeyRegion] = []byte("elsewhere") }, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newReadyBed(t)
			b.store()

			d := b.secret().Data
			tc.change(d)
			b.publish(d)

			o, err := b.external().Observe(t.Context(), b.user)
			if err != nil {
				t.Fatal(err)
			}

			if got := len(o.ConnectionDetails) > 0; got != tc.want {
				t.Errorf("%s\nwant something to be published: %t, got %t", tc.reason, tc.want, got)
			}

			if !o.ResourceUpToDate || b.user.Status.AtProvider.PublishedHash == "" {
				t.Errorf("%s\nwant the user to be in order, got %+v", tc.reason, b.user.Status)
			}
		})
	}
}

// TestUpdateOfMissing updates a user that is missing, which the runtime asks for
// where management policies allow updates but no creation.
func TestUpdateOfMissing(t *testing.T) {
	b := newBed(t)
	if _, err := b.external().Update(t.Context(), b.user); err == nil || len(b.calls) > 0 {
		t.Errorf("Update(...): want an error and no call, got %v, %v", err, b.calls)
	}
}

// TestHashFollowsDetails wants the hash to tell details apart, and not to show
// them.
func TestHashFollowsDetails(t *testing.T) {
	details := func(secretKey minio.Secret, region string) string {
		return hash((&external{region: region}).details(newUser(), secretKey))
	}

	first := details("one", "eu-1")
	if first != details("one", "eu-1") {
		t.Error("hash(...): want the same for the same details")
	}

	if first == details("two", "eu-1") || first == details("one", "us-1") {
		t.Error("hash(...): want another for other details")
	}
}

// TestDeleteHealsAfterCrash lets Delete end between its calls and wants the
// resource to stay until user and policy are gone.
func TestDeleteHealsAfterCrash(t *testing.T) {
	b := newReadyBed(t)
	b.fail = "RemoveUser"
	b.user.DeletionTimestamp = new(metav1.Now())

	exists := func() bool {
		t.Helper()

		o, err := b.external().Observe(t.Context(), b.user)
		if err != nil {
			t.Fatalf("Observe(...): %v", err)
		}

		return o.ResourceExists
	}

	if _, err := b.external().Delete(t.Context(), b.user); !errors.Is(err, errInjected) {
		t.Fatalf("Delete(...): want the injected error, got %v", err)
	}

	if !exists() {
		t.Error("Observe(...): the resource would go while its policy is left")
	}

	b.fail = ""

	if _, err := b.external().Delete(t.Context(), b.user); err != nil {
		t.Fatalf("Delete(...): %v", err)
	}

	if exists() {
		t.Error("Observe(...): the resource would stay though all is gone")
	}
}

// TestMissingPolicies asks for policies that do not exist: they are named, and the
// field that asks for them.
func TestMissingPolicies(t *testing.T) {
	b := newReadyBed(t)
	for _, name := range []string{"readonly", noSuch + "a", noSuch + "b"} {
		b.user.Spec.ForProvider.Policies = append(b.user.Spec.ForProvider.Policies, miniov1alpha1.PolicyAttachment{PolicyName: name})
	}

	const want = "the policies no-such-a, no-such-b, which do not exist: make them, or take them out of spec.forProvider.policies"
	if _, err := b.reconcile(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Update(...): want error %q, got %v", want, err)
	}
}

// TestDeleteNamesHolders keeps the policy of a user that somebody else holds, and
// says who.
func TestDeleteNamesHolders(t *testing.T) {
	b := newReadyBed(t)
	b.holders = []madmin.PolicyEntities{{Users: []string{"bob"}}}

	const want = `which is this user's own, is held by user "bob": take it from them`
	if _, err := b.external().Delete(t.Context(), b.user); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Delete(...): want error %q, got %v", want, err)
	}
}

// TestOwnAdministrator names the user that the provider itself is: it is neither
// adopted nor removed.
func TestOwnAdministrator(t *testing.T) {
	b := newReadyBed(t)
	e := b.external()
	e.own = "admin"
	meta.SetExternalName(b.user, e.own)

	if _, err := e.Observe(t.Context(), b.user); err == nil || !strings.Contains(err.Error(), `user "admin" is the one that the provider configuration itself uses`) {
		t.Errorf("Observe(...): want the adoption to be refused, got %v", err)
	}

	b.user.DeletionTimestamp = new(metav1.Now())

	if o, err := e.Observe(t.Context(), b.user); err != nil || o.ResourceExists {
		t.Errorf("Observe(...): want the resource to go and the user to stay, got %+v, %v", o, err)
	}
}

// TestDeleteWaitsForBuckets keeps a user as long as a Bucket is there that it is
// the key to.
func TestDeleteWaitsForBuckets(t *testing.T) {
	bucket := func(namespace, name, config string) *miniov1alpha1.Bucket {
		b := &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		b.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: "ClusterProviderConfig", Name: config}
		meta.SetExternalName(b, "photos")

		return b
	}

	cases := map[string]struct {
		reason string
		bucket *miniov1alpha1.Bucket
		remain miniov1alpha1.WhenBucketsRemain
		waits  bool
	}{
		"Granted":        {reason: "The key to data that exists stays.", bucket: bucket("team-a", "photos", "default"), waits: true},
		"OtherServer":    {reason: "A bucket of the same name on another server is another bucket.", bucket: bucket("team-a", "photos", "other")},
		"OtherNamespace": {reason: "A grant by name is about the user's own namespace.", bucket: bucket("team-b", "photos", "default")},
		"Remove":         {reason: "Whoever says so gets rid of the user at once.", bucket: bucket("team-a", "photos", "default"), remain: miniov1alpha1.WhenBucketsRemainRemove},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, tc.bucket)
			b.settle()
			b.user.Spec.ForProvider.WhenBucketsRemain = tc.remain

			_, err := b.external().Delete(t.Context(), b.user)
			if (err != nil) != tc.waits || (b.fakeServer.user != nil) != tc.waits {
				t.Errorf("%s\nDelete(...): %v", tc.reason, err)
			}

			if tc.waits && !strings.Contains(err.Error(), `Bucket "team-a/photos"`) {
				t.Errorf("%s\nDelete(...): want the Bucket to be named, got %v", tc.reason, err)
			}
		})
	}
}

func TestAccessKeys(t *testing.T) {
	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{UID: "9c1de0c2-51f8-4a52-9b0e-2f3b5c7d8bbb"}}
	other := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{UID: "4e2ff3b1-3a57-4bd3-8c6e-d0c8b2f0a111"}}

	if got := Name(u); len(got) != accessKeyLength || got != Name(u) {
		t.Errorf("Name(...): want the same %d characters each time, got %q", accessKeyLength, got)
	}

	seen := map[string]bool{}
	for _, u := range []*miniov1alpha1.User{u, other} {
		for g := range int64(100) {
			seen[accessKey(u, g)] = true
		}
	}

	if len(seen) != 200 {
		t.Errorf("accessKey(...): want 200 different keys of two users, got %d", len(seen))
	}

	if a, b := newSecretKey(), newSecretKey(); a.Reveal() == b.Reveal() || len(a.Reveal()) != secretKeyLength {
		t.Error("newSecretKey(): want another key of full length each time")
	}
}
