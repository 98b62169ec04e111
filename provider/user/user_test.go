package user

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/minio/madmin-go/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

const (
	uid  = "9c1de0c2"
	kept = "a-secret-key-that-was-published"
)

// key is the access key, and the name of the policy, of the user with that UID.
var key = accessKeyFor(uid)

// fakeAdmin is a server of one user. It writes down the calls that change
// something.
type fakeAdmin struct {
	user   *madmin.UserInfo
	policy []byte
	calls  []string
	fail   string
}

var errInjected = errors.New("injected")

func (f *fakeAdmin) call(name string) error {
	f.calls = append(f.calls, name)
	if f.fail == name {
		return errInjected
	}

	return nil
}

func (f *fakeAdmin) AddUser(_ context.Context, _, secretKey string) error {
	if len(secretKey) != secretKeyLength {
		return errors.New("not a secret key")
	}

	if f.user == nil {
		f.user = &madmin.UserInfo{}
	}

	f.user.Status = madmin.AccountEnabled

	return f.call("AddUser")
}

func (f *fakeAdmin) GetUserInfo(context.Context, string) (madmin.UserInfo, error) {
	if f.user == nil {
		return madmin.UserInfo{}, madmin.ErrorResponse{Code: "XMinioAdminNoSuchUser"}
	}

	return *f.user, nil
}

func (f *fakeAdmin) SetUserStatus(_ context.Context, _ string, s madmin.AccountStatus) error {
	f.user.Status = s

	return f.call("SetUserStatus")
}

func (f *fakeAdmin) RemoveUser(context.Context, string) error {
	f.user = nil

	return f.call("RemoveUser")
}

func (f *fakeAdmin) AddCannedPolicy(_ context.Context, _ string, document []byte) error {
	f.policy = document

	return f.call("AddCannedPolicy")
}

func (f *fakeAdmin) InfoCannedPolicyV2(context.Context, string) (*madmin.PolicyInfo, error) {
	if f.policy == nil {
		return nil, madmin.ErrorResponse{Code: "XMinioAdminNoSuchPolicy"}
	}

	return &madmin.PolicyInfo{Policy: f.policy}, nil
}

func (f *fakeAdmin) SetPolicy(_ context.Context, name, _ string, _ bool) error {
	f.user.PolicyName = name

	return f.call("SetPolicy")
}

func (f *fakeAdmin) RemoveCannedPolicy(context.Context, string) error {
	f.policy = nil

	return f.call("RemoveCannedPolicy")
}

func newUser() *v1alpha1.User {
	u := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: "u", Namespace: "team-a", UID: uid}}
	u.Spec.ForProvider.Grants = []v1alpha1.Grant{{BucketName: "photos", Access: v1alpha1.AccessReadWrite}}
	u.Spec.WriteConnectionSecretToReference = &xpv1.LocalSecretReference{Name: "u-key"}

	return u
}

func newExternal(a *fakeAdmin, objects ...client.Object) *external {
	return &external{kube: fake.NewClientBuilder().WithObjects(objects...).Build(), admin: a, endpoint: "https://s3.example.org", region: "eu-1"}
}

func published(accessKey, secretKey string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "u-key", Namespace: "team-a"},
		Data: map[string][]byte{
			v1alpha1.ConnectionKeyAccessKeyID:     []byte(accessKey),
			v1alpha1.ConnectionKeySecretAccessKey: []byte(secretKey),
		},
	}
}

func existing(t *testing.T) *fakeAdmin {
	t.Helper()

	document := mustDocument(t, newUser().Spec.ForProvider.Grants...)

	return &fakeAdmin{user: &madmin.UserInfo{Status: madmin.AccountEnabled, PolicyName: key}, policy: document}
}

func TestCreateMakesOneEncryptedCall(t *testing.T) {
	a := &fakeAdmin{}
	u := newUser()

	c, err := newExternal(a).Create(context.Background(), u)
	if err != nil {
		t.Fatalf("Create(...): %v", err)
	}

	if diff := cmp.Diff([]string{"AddCannedPolicy", "AddUser", "SetPolicy"}, a.calls); diff != "" {
		t.Errorf("Create(...): -want calls, +got calls:\n%s", diff)
	}

	for _, k := range []string{
		v1alpha1.ConnectionKeyAccessKeyID, v1alpha1.ConnectionKeySecretAccessKey,
		v1alpha1.ConnectionKeyEndpoint, v1alpha1.ConnectionKeyRegion,
	} {
		if len(c.ConnectionDetails[k]) == 0 {
			t.Errorf("Create(...): connection detail %s is missing", k)
		}
	}
}

// TestHeals lets something be amiss with a user that exists and wants it mended
// by one Update, with the calls that takes and no others.
func TestHeals(t *testing.T) {
	cases := map[string]struct {
		reason string
		damage func(*fakeAdmin)
		secret *corev1.Secret
		calls  []string
	}{
		"Nothing": {
			reason: "A user in order is left alone.",
			damage: func(*fakeAdmin) {},
			secret: published(key, kept),
		},
		"SecretGone": {
			reason: "A key that was lost is replaced.",
			damage: func(*fakeAdmin) {},
			calls:  []string{"AddCannedPolicy", "AddUser", "SetPolicy"},
		},
		"SecretOfAnotherKey": {
			reason: "A Secret that holds another access key does not help.",
			damage: func(*fakeAdmin) {},
			secret: published("SOMEBODY", kept),
			calls:  []string{"AddCannedPolicy", "AddUser", "SetPolicy"},
		},
		"PolicyTakenAway": {
			reason: "The user gets its policy back, and keeps its key.",
			damage: func(f *fakeAdmin) { f.user.PolicyName = "" },
			secret: published(key, kept),
			calls:  []string{"AddCannedPolicy", "SetUserStatus", "SetPolicy"},
		},
		"AnotherPolicyAdded": {
			reason: "The user holds its own policy only.",
			damage: func(f *fakeAdmin) { f.user.PolicyName = key + ",consoleAdmin" },
			secret: published(key, kept),
			calls:  []string{"AddCannedPolicy", "SetUserStatus", "SetPolicy"},
		},
		"PolicyWidened": {
			reason: "The policy says what the grants say.",
			damage: func(f *fakeAdmin) {
				f.policy = []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`)
			},
			secret: published(key, kept),
			calls:  []string{"AddCannedPolicy", "SetUserStatus", "SetPolicy"},
		},
		"PolicyGone": {
			reason: "The policy is written again.",
			damage: func(f *fakeAdmin) { f.policy = nil },
			secret: published(key, kept),
			calls:  []string{"AddCannedPolicy", "SetUserStatus", "SetPolicy"},
		},
		"Disabled": {
			reason: "The user is enabled again.",
			damage: func(f *fakeAdmin) { f.user.Status = madmin.AccountDisabled },
			secret: published(key, kept),
			calls:  []string{"AddCannedPolicy", "SetUserStatus", "SetPolicy"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := existing(t)
			tc.damage(a)

			e := newExternal(a)
			if tc.secret != nil {
				e = newExternal(a, tc.secret)
			}

			ctx, u := context.Background(), newUser()

			o, err := e.Observe(ctx, u)
			if err != nil || !o.ResourceExists {
				t.Fatalf("%s\nObserve(...): %+v, %v", tc.reason, o, err)
			}

			if o.ResourceUpToDate != (len(tc.calls) == 0) {
				t.Errorf("%s\nObserve(...): up to date: %t", tc.reason, o.ResourceUpToDate)
			}

			if !o.ResourceUpToDate {
				if _, err := e.Update(ctx, u); err != nil {
					t.Fatalf("%s\nUpdate(...): %v", tc.reason, err)
				}
			}

			// The next look is a poll away.
			if u.GetCondition(xpv1.TypeReady).Status != corev1.ConditionTrue || u.Status.AtProvider.AccessKeyID != key {
				t.Errorf("%s\nwant the user to be ready again", tc.reason)
			}

			if diff := cmp.Diff(tc.calls, a.calls, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\n-want calls, +got calls:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestCreateHealsAfterCrash lets Create end after each of its calls, its result
// lost, and wants the next reconcile to end with a working user.
func TestCreateHealsAfterCrash(t *testing.T) {
	for _, last := range []string{"AddUser", "SetPolicy"} {
		t.Run(last, func(t *testing.T) {
			a := &fakeAdmin{fail: last}
			e := newExternal(a)
			ctx, u := context.Background(), newUser()

			if _, err := e.Create(ctx, u); !errors.Is(err, errInjected) {
				t.Fatalf("Create(...): want the injected error, got %v", err)
			}

			a.fail, a.calls = "", nil

			o, err := e.Observe(ctx, u)
			if err != nil || !o.ResourceExists || o.ResourceUpToDate {
				t.Fatalf("Observe(...): want a user that is not up to date, got %+v, %v", o, err)
			}

			up, err := e.Update(ctx, u)
			if err != nil {
				t.Fatalf("Update(...): %v", err)
			}

			if len(up.ConnectionDetails[v1alpha1.ConnectionKeySecretAccessKey]) == 0 {
				t.Error("Update(...): no new key was published")
			}

			if u.Status.AtProvider.PublishedHash == "" {
				t.Error("Update(...): nobody would learn of the new key")
			}

			if a.user.PolicyName != key {
				t.Errorf("Update(...): the user holds policy %q", a.user.PolicyName)
			}
		})
	}
}

// TestUpdateOfMissing updates a user that is missing, which the runtime asks for
// where management policies allow updates but no creation.
func TestUpdateOfMissing(t *testing.T) {
	a := &fakeAdmin{}

	if _, err := newExternal(a).Update(context.Background(), newUser()); err == nil || a.user != nil {
		t.Errorf("Update(...): want an error and no user, got %v", err)
	}
}

// TestHashFollowsDetails wants the hash to tell details apart, and not to show
// them.
func TestHashFollowsDetails(t *testing.T) {
	details := func(secretKey minio.Secret, region string) string {
		return hash((&external{region: region}).connectionDetails(newUser(), secretKey))
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
	a := existing(t)
	a.fail = "RemoveUser"

	e, ctx, u := newExternal(a), context.Background(), newUser()
	u.DeletionTimestamp = new(metav1.Now())

	exists := func() bool {
		t.Helper()

		o, err := e.Observe(ctx, u)
		if err != nil {
			t.Fatalf("Observe(...): %v", err)
		}

		return o.ResourceExists
	}

	if _, err := e.Delete(ctx, u); !errors.Is(err, errInjected) {
		t.Fatalf("Delete(...): want the injected error, got %v", err)
	}

	if !exists() {
		t.Error("Observe(...): the resource would go while its policy is left")
	}

	a.fail = ""

	if _, err := e.Delete(ctx, u); err != nil {
		t.Fatalf("Delete(...): %v", err)
	}

	if exists() {
		t.Error("Observe(...): the resource would stay though all is gone")
	}
}

func TestAccessKey(t *testing.T) {
	u := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{UID: "9c1de0c2-51f8-4a52-9b0e-2f3b5c7d8bbb"}}
	other := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{UID: "4e2ff3b1-3a57-4bd3-8c6e-d0c8b2f0a111"}}

	if got := AccessKey(u); len(got) != accessKeyLength || got != AccessKey(u) {
		t.Errorf("AccessKey(...): want the same %d characters each time, got %q", accessKeyLength, got)
	}

	if AccessKey(u) == AccessKey(other) {
		t.Error("AccessKey(...): two users share a key")
	}

	if a, b := newSecretKey(), newSecretKey(); a.Reveal() == b.Reveal() || len(a.Reveal()) != secretKeyLength {
		t.Error("newSecretKey(): want another key of full length each time")
	}
}
