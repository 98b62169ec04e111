package user

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/controller"
	"github.com/cistern-dev/cistern/provider/minio"
)

const (
	uid  = "9c1de0c2"
	kept = "a-secret-key-that-was-published"
)

// key is the access key, and the name of the policy, of the user with that UID.
var key = accessKeyFor(uid, 0)

var errInjected = errors.New("injected")

// fakeServer is a server of one user. It writes down the calls that change
// something, and knows which keys work.
type fakeServer struct {
	user   *madmin.UserInfo
	keys   map[string]string
	policy []byte
	calls  []string
	fail   string
	// elsewhere says that the public endpoint leads to another server.
	elsewhere bool
	// holders hold the user's own policy besides the user.
	holders []madmin.PolicyEntities
	// located and looked count the looks for a key and for the policy.
	located, looked int
}

func (f *fakeServer) call(name string) error {
	f.calls = append(f.calls, name)
	if f.fail == name {
		return errInjected
	}

	return nil
}

func (f *fakeServer) AddUser(_ context.Context, accessKey, secretKey string) error {
	if len(secretKey) != secretKeyLength {
		return errors.New("not a secret key")
	}

	if f.user == nil {
		f.user = &madmin.UserInfo{}
	}

	f.user.Status = madmin.AccountEnabled
	f.keys[accessKey] = secretKey

	return f.call("AddUser")
}

func (f *fakeServer) GetUserInfo(context.Context, string) (madmin.UserInfo, error) {
	if f.user == nil {
		return madmin.UserInfo{}, madmin.ErrorResponse{Code: "XMinioAdminNoSuchUser"}
	}

	return *f.user, nil
}

func (f *fakeServer) SetUserStatus(_ context.Context, _ string, s madmin.AccountStatus) error {
	f.user.Status = s

	return f.call("SetUserStatus")
}

func (f *fakeServer) RemoveUser(context.Context, string) error {
	f.user = nil
	clear(f.keys)

	return f.call("RemoveUser")
}

func (f *fakeServer) RevokeTokens(context.Context, madmin.RevokeTokensReq) error {
	return f.call("RevokeTokens")
}

func (f *fakeServer) AddServiceAccount(_ context.Context, r madmin.AddServiceAccountReq) (madmin.Credentials, error) {
	if _, there := f.keys[r.AccessKey]; there {
		return madmin.Credentials{}, errors.New("it exists")
	}

	f.keys[r.AccessKey] = r.SecretKey

	return madmin.Credentials{}, f.call("AddServiceAccount")
}

func (f *fakeServer) DeleteServiceAccount(_ context.Context, accessKey string) error {
	if _, there := f.keys[accessKey]; !there {
		return madmin.ErrorResponse{Code: "XMinioInvalidIAMCredentials"}
	}

	delete(f.keys, accessKey)

	return f.call("DeleteServiceAccount")
}

func (f *fakeServer) AddCannedPolicy(_ context.Context, _ string, document []byte) error {
	f.policy = document

	return f.call("AddCannedPolicy")
}

func (f *fakeServer) InfoCannedPolicyV2(_ context.Context, name string) (*madmin.PolicyInfo, error) {
	f.looked++

	if f.policy == nil || strings.HasPrefix(name, noSuch) {
		return nil, madmin.ErrorResponse{Code: "XMinioAdminNoSuchPolicy"}
	}

	return &madmin.PolicyInfo{Policy: f.policy}, nil
}

// noSuch begins the names of policies that do not exist.
const noSuch = "no-such-"

func (f *fakeServer) SetPolicy(_ context.Context, names, _ string, _ bool) error {
	if strings.Contains(names, noSuch) {
		return madmin.ErrorResponse{Code: "XMinioAdminNoSuchPolicy"}
	}

	f.user.PolicyName = names

	return f.call("SetPolicy")
}

func (f *fakeServer) GetPolicyEntities(context.Context, madmin.PolicyEntitiesQuery) (madmin.PolicyEntitiesResult, error) {
	return madmin.PolicyEntitiesResult{PolicyMappings: f.holders}, nil
}

func (f *fakeServer) RemoveCannedPolicy(context.Context, string) error {
	if len(f.holders) > 0 {
		return madmin.ErrorResponse{Code: "XMinioIAMPolicyInUse"}
	}

	f.policy = nil

	return f.call("RemoveCannedPolicy")
}

// locate answers as the server does to a user's key.
func (f *fakeServer) locate(_ context.Context, endpoint, accessKey string, secretKey minio.Secret, bucket string) error {
	f.located++

	if (f.elsewhere && endpoint == publicEndpoint) || f.keys[accessKey] != secretKey.Reveal() {
		return miniogo.ErrorResponse{Code: miniogo.InvalidAccessKeyID, RequestID: "1", StatusCode: 403}
	}

	if f.user.PolicyName == "" || bucket != "photos" {
		return miniogo.ErrorResponse{Code: miniogo.AccessDenied, RequestID: "1", StatusCode: 403}
	}

	return nil
}

const publicEndpoint = "https://s3.example.org"

// bed is a user's controller with a server, a Kubernetes and a clock.
type bed struct {
	*fakeServer

	t      *testing.T
	kube   client.Client
	proofs *proofs
	now    time.Time
	user   *miniov1alpha1.User
}

func newUser() *miniov1alpha1.User {
	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: "u", Namespace: "team-a", UID: uid}}
	u.Spec.ForProvider.Grants = []miniov1alpha1.Grant{{BucketName: "photos", Access: miniov1alpha1.AccessReadWrite}}
	u.Spec.WriteConnectionSecretToReference = &xpv1.LocalSecretReference{Name: "u-key"}
	u.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: "ClusterProviderConfig", Name: "default"}

	return u
}

func newBed(t *testing.T, objects ...client.Object) *bed {
	t.Helper()

	b := &bed{
		fakeServer: &fakeServer{keys: map[string]string{}},
		t:          t,
		kube:       fake.NewClientBuilder().WithScheme(newScheme(t)).WithStatusSubresource(newUser()).WithObjects(objects...).Build(),
		proofs:     newProofs(),
		now:        time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		user:       newUser(),
	}

	if err := b.kube.Create(t.Context(), b.user); err != nil {
		t.Fatal(err)
	}

	return b
}

// store stores the user as it is, if that changes anything.
func (b *bed) store() {
	b.t.Helper()

	ctx, stored := b.t.Context(), &miniov1alpha1.User{}
	if err := b.kube.Get(ctx, client.ObjectKeyFromObject(b.user), stored); err != nil {
		b.t.Fatal(err)
	}

	if equality.Semantic.DeepEqual(stored, b.user) {
		return
	}

	status := b.user.Status
	if err := b.kube.Update(ctx, b.user); err != nil {
		b.t.Fatal(err)
	}

	b.user.Status = status
	if err := b.kube.Status().Update(ctx, b.user); err != nil {
		b.t.Fatal(err)
	}
}

// newReadyBed is a bed whose user is there and in order.
func newReadyBed(t *testing.T) *bed {
	t.Helper()

	b := newBed(t)
	b.settle()
	b.calls = nil

	return b
}

func (b *bed) external() *external {
	return &external{
		kube: controller.Kube{Reader: b.kube, Live: b.kube}, admin: b.fakeServer, locate: b.locate, proofs: b.proofs, now: func() time.Time { return b.now },
		inside: "https://minio:9000", endpoint: publicEndpoint, region: "eu-1",
	}
}

// reconcile does what the runtime does once, and says whether anything was to be
// done.
func (b *bed) reconcile() (bool, error) {
	b.t.Helper()
	b.store()

	ctx, e := b.t.Context(), b.external()

	o, err := e.Observe(ctx, b.user)
	if err != nil {
		return false, err
	}

	details := o.ConnectionDetails

	switch {
	case !o.ResourceExists:
		var c managed.ExternalCreation

		c, err = e.Create(ctx, b.user)
		details = c.ConnectionDetails
	case !o.ResourceUpToDate:
		var u managed.ExternalUpdate

		u, err = e.Update(ctx, b.user)
		details = u.ConnectionDetails
	}

	if err != nil {
		return true, err
	}

	b.publish(details)
	b.store()

	return !o.ResourceExists || !o.ResourceUpToDate, nil
}

// settle reconciles until nothing is to be done.
func (b *bed) settle() {
	b.t.Helper()

	for range 10 {
		busy, err := b.reconcile()
		if err != nil {
			b.t.Fatalf("reconcile: %v", err)
		}

		if !busy {
			return
		}
	}

	b.t.Fatal("reconcile: there is always something to do")
}

// publish keeps details as the runtime does.
func (b *bed) publish(details map[string][]byte) {
	b.t.Helper()

	if len(details) == 0 {
		return
	}

	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "u-key", Namespace: "team-a"}}
	if err := client.IgnoreNotFound(b.kube.Delete(b.t.Context(), s)); err != nil {
		b.t.Fatal(err)
	}

	s = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "u-key", Namespace: "team-a"}, Data: details}
	if err := b.kube.Create(b.t.Context(), s); err != nil {
		b.t.Fatal(err)
	}
}

// secret returns the Secret that is published; an empty one if there is none.
func (b *bed) secret() *corev1.Secret {
	b.t.Helper()

	s := &corev1.Secret{}
	if err := client.IgnoreNotFound(b.kube.Get(b.t.Context(), client.ObjectKey{Namespace: "team-a", Name: "u-key"}, s)); err != nil {
		b.t.Fatal(err)
	}

	return s
}

// published returns the key that is published.
func (b *bed) published() (accessKey, secretKey string) {
	b.t.Helper()

	d := b.secret().Data

	return string(d[miniov1alpha1.ConnectionKeyAccessKeyID]), string(d[miniov1alpha1.ConnectionKeySecretAccessKey])
}

// wantWorkingKey wants the published key to be one that the server knows, and
// the status to name it.
func (b *bed) wantWorkingKey(reason string) {
	b.t.Helper()

	id, secretKey := b.published()
	if id == "" || b.keys[id] != secretKey {
		b.t.Errorf("%s\nthe published key %q does not work", reason, id)
	}

	if got := b.user.Status.AtProvider.AccessKeyID; got != id {
		b.t.Errorf("%s\nthe status names key %q, published is %q", reason, got, id)
	}

	if c := b.user.GetCondition(xpv1.TypeReady); c.Status != corev1.ConditionTrue {
		b.t.Errorf("%s\nwant the user to be ready, got %s: %s", reason, c.Reason, c.Message)
	}
}
