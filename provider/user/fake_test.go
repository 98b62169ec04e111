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

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/controller"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
)

const (
	uid            = "9c1de0c2"
	otherSecretKey = "a-secret-key-of-another-origin"
)

// key is the first access key of the user with that UID, and the name of its policy.
var key = accessKeyIDFor(uid, 0)

var errInjected = errors.New("injected")

// fakeServer is a server with one user. It records the calls that change something,
// and knows which keys work.
type fakeServer struct {
	user   *madmin.UserInfo
	keys   map[string]string
	policy []byte
	calls  []string
	fail   string
	// mayNotUpdate reports whether the provider may not update access keys.
	mayNotUpdate bool
	// expiration is that of access keys.
	expiration *time.Time
	// others reports whether access keys belong to another user.
	others bool
	// elsewhere reports whether the public endpoint leads to another server.
	elsewhere bool
	// attachedTo is what else the user's own policy is attached to.
	attachedTo []madmin.PolicyEntities
	// answers are what the next reads of the user and uses of a key are answered with; nil
	// stands for the server's own answer.
	answers []error
	// userReads, policyReads and keyUses count the calls that change nothing.
	userReads, policyReads, keyUses int
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

// answer returns what to answer in place of the server; nil for its own answer.
func (f *fakeServer) answer() error {
	if len(f.answers) == 0 {
		return nil
	}

	err := f.answers[0]
	f.answers = f.answers[1:]

	return err
}

func (f *fakeServer) GetUserInfo(context.Context, string) (madmin.UserInfo, error) {
	f.userReads++

	if err := f.answer(); err != nil {
		return madmin.UserInfo{}, err
	}

	if f.user == nil {
		return madmin.UserInfo{}, madmin.ErrorResponse{Code: "XMinioAdminNoSuchUser", RequestID: "1"}
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
		return madmin.Credentials{}, madmin.ErrorResponse{Code: "XMinioIAMServiceAccountNotAllowed", RequestID: "1"}
	}

	f.keys[r.AccessKey] = r.SecretKey

	return madmin.Credentials{}, f.call("AddServiceAccount")
}

func (f *fakeServer) UpdateServiceAccount(_ context.Context, accessKey string, r madmin.UpdateServiceAccountReq) error {
	if f.mayNotUpdate {
		return madmin.ErrorResponse{Code: "AccessDenied", RequestID: "1"}
	}

	f.keys[accessKey] = r.NewSecretKey

	return f.call("UpdateServiceAccount")
}

// ListServiceAccounts lists the keys except the user's own.
func (f *fakeServer) ListServiceAccounts(_ context.Context, user string) (madmin.ListServiceAccountsResp, error) {
	all := madmin.ListServiceAccountsResp{}

	for id := range f.keys {
		if id != user && !f.others {
			all.Accounts = append(all.Accounts, madmin.ServiceAccountInfo{AccessKey: id, ParentUser: user, Expiration: f.expiration})
		}
	}

	return all, f.call("ListServiceAccounts")
}

func (f *fakeServer) DeleteServiceAccount(_ context.Context, accessKey string) error {
	if _, there := f.keys[accessKey]; !there {
		return madmin.ErrorResponse{Code: "XMinioInvalidIAMCredentials", RequestID: "1"}
	}

	delete(f.keys, accessKey)

	return f.call("DeleteServiceAccount")
}

func (f *fakeServer) AddCannedPolicy(_ context.Context, _ string, document []byte) error {
	f.policy = document

	return f.call("AddCannedPolicy")
}

func (f *fakeServer) InfoCannedPolicyV2(_ context.Context, name string) (*madmin.PolicyInfo, error) {
	f.policyReads++

	if f.policy == nil || strings.HasPrefix(name, noSuch) {
		return nil, madmin.ErrorResponse{Code: "XMinioAdminNoSuchPolicy", RequestID: "1"}
	}

	return &madmin.PolicyInfo{Policy: f.policy}, nil
}

// noSuch is the prefix of names of policies that do not exist.
const noSuch = "no-such-"

func (f *fakeServer) SetPolicy(_ context.Context, names, _ string, _ bool) error {
	if strings.Contains(names, noSuch) {
		return madmin.ErrorResponse{Code: "XMinioAdminNoSuchPolicy", RequestID: "1"}
	}

	f.user.PolicyName = names

	return f.call("SetPolicy")
}

func (f *fakeServer) GetPolicyEntities(context.Context, madmin.PolicyEntitiesQuery) (madmin.PolicyEntitiesResult, error) {
	return madmin.PolicyEntitiesResult{PolicyMappings: f.attachedTo}, nil
}

func (f *fakeServer) RemoveCannedPolicy(context.Context, string) error {
	if len(f.attachedTo) > 0 {
		return madmin.ErrorResponse{Code: "XMinioIAMPolicyInUse", RequestID: "1"}
	}

	f.policy = nil

	return f.call("RemoveCannedPolicy")
}

// locate answers a call with a user's key as the server does.
func (f *fakeServer) locate(_ context.Context, endpoint, accessKey string, secretKey minio.Secret, bucket string) error {
	f.keyUses++

	if err := f.answer(); err != nil {
		return err
	}

	if (f.elsewhere && endpoint == publicEndpoint) || f.keys[accessKey] != secretKey.Reveal() {
		return miniogo.ErrorResponse{Code: miniogo.InvalidAccessKeyID, RequestID: "1", StatusCode: 403}
	}

	if f.user.PolicyName == "" || bucket != "photos" {
		return miniogo.ErrorResponse{Code: miniogo.AccessDenied, RequestID: "1", StatusCode: 403}
	}

	return nil
}

const publicEndpoint = "https://s3.example.org"

// env is the environment of one User: a server, a Kubernetes API and a clock.
type env struct {
	*fakeServer

	t        *testing.T
	kube     client.Client
	memories *reconciler.Memory[memory]
	now      time.Time
	user     *miniov1alpha1.User
}

func newUser() *miniov1alpha1.User {
	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: "u", Namespace: "team-a", UID: uid}}
	u.Spec.ForProvider.Grants = []miniov1alpha1.Grant{{BucketName: "photos", Access: miniov1alpha1.AccessReadWrite}}
	u.Spec.WriteConnectionSecretToReference = &xpv1.LocalSecretReference{Name: "u-key"}
	u.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: "ClusterProviderConfig", Name: "default"}

	return u
}

func newEnv(t *testing.T, objects ...client.Object) *env {
	t.Helper()

	env := &env{
		fakeServer: &fakeServer{keys: map[string]string{}},
		t:          t,
		kube:       fake.NewClientBuilder().WithScheme(newScheme(t)).WithStatusSubresource(newUser()).WithObjects(objects...).Build(),
		memories:   reconciler.NewMemory[memory](),
		now:        time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		user:       newUser(),
	}

	if err := env.kube.Create(t.Context(), env.user); err != nil {
		t.Fatal(err)
	}

	return env
}

// store stores the User if it changed.
func (env *env) store() {
	env.t.Helper()

	ctx, stored := env.t.Context(), &miniov1alpha1.User{}
	if err := env.kube.Get(ctx, client.ObjectKeyFromObject(env.user), stored); err != nil {
		env.t.Fatal(err)
	}

	if equality.Semantic.DeepEqual(stored, env.user) {
		return
	}

	status := env.user.Status
	if err := env.kube.Update(ctx, env.user); err != nil {
		env.t.Fatal(err)
	}

	env.user.Status = status
	if err := env.kube.Status().Update(ctx, env.user); err != nil {
		env.t.Fatal(err)
	}
}

// newReadyEnv returns an environment whose User is Ready and has not drifted.
func newReadyEnv(t *testing.T) *env {
	t.Helper()

	env := newEnv(t)
	env.settle()
	env.calls = nil

	return env
}

func (env *env) external() *external {
	return &external{
		kube:       controller.Kube{Reader: env.kube, Writer: env.kube, Live: env.kube},
		admin:      env.fakeServer,
		keys:       keys{admin: env.fakeServer},
		policies:   policies{kube: env.kube, admin: env.fakeServer},
		connection: connection{kube: controller.Kube{Reader: env.kube, Writer: env.kube, Live: env.kube}, endpoint: publicEndpoint, region: "eu-1"},
		verifier:   verifier{locate: env.locate, endpoint: publicEndpoint, internalEndpoint: "https://minio:9000"},
		memories:   env.memories,
		now:        func() time.Time { return env.now },
	}
}

// reconcile does what the runtime does in one reconcile, and reports whether the
// external resource had to be created or updated.
func (env *env) reconcile() (bool, error) {
	env.t.Helper()
	env.store()

	ctx, e := env.t.Context(), env.external()

	o, err := e.Observe(ctx, env.user)
	if err != nil {
		return false, err
	}

	switch {
	case !o.ResourceExists:
		_, err = e.Create(ctx, env.user)
	case !o.ResourceUpToDate:
		_, err = e.Update(ctx, env.user)
	}

	if err != nil {
		return true, err
	}

	env.store()

	return !o.ResourceExists || !o.ResourceUpToDate, nil
}

// settle reconciles until nothing has to be done.
func (env *env) settle() {
	env.t.Helper()

	for range 10 {
		busy, err := env.reconcile()
		if err != nil {
			env.t.Fatalf("reconcile: %v", err)
		}

		if !busy {
			return
		}
	}

	env.t.Fatal("reconcile: want an end, but there is always something to do")
}

// rotate replaces the key by a new trigger.
func (env *env) rotate(trigger string) {
	env.t.Helper()

	r := env.user.Spec.ForProvider.Rotation
	if r == nil {
		r = &miniov1alpha1.Rotation{}
	}

	r.Trigger = trigger
	env.user.Spec.ForProvider.Rotation = r
	env.now = env.now.Add(minKeyAge)
	env.settle()
}

// edit replaces the data of the connection Secret, as a person does.
func (env *env) edit(data map[string][]byte) {
	env.t.Helper()

	s := env.secret()
	s.Data = data

	if err := env.kube.Update(env.t.Context(), s); err != nil {
		env.t.Fatal(err)
	}
}

// secret returns the connection Secret; an empty one if there is none.
func (env *env) secret() *corev1.Secret {
	env.t.Helper()

	s := &corev1.Secret{}
	if err := client.IgnoreNotFound(env.kube.Get(env.t.Context(), client.ObjectKey{Namespace: "team-a", Name: "u-key"}, s)); err != nil {
		env.t.Fatal(err)
	}

	return s
}

// published returns the published key.
func (env *env) published() (accessKey, secretKey string) {
	env.t.Helper()

	d := env.secret().Data

	return string(d[miniov1alpha1.ConnectionKeyAccessKeyID]), string(d[miniov1alpha1.ConnectionKeySecretAccessKey])
}

// wantWorkingKey wants the published key to work on the server, the status to name
// it, and the User to be Ready.
func (env *env) wantWorkingKey(reason string) {
	env.t.Helper()

	id, secretKey := env.published()
	if id == "" || env.keys[id] != secretKey {
		env.t.Errorf("%s\nwant the published key %q to work", reason, id)
	}

	if got := env.user.Status.AtProvider.AccessKeyID; got != id {
		env.t.Errorf("%s\nwant the status to name the published key %q, got %q", reason, id, got)
	}

	if c := env.user.GetCondition(xpv1.TypeReady); c.Status != corev1.ConditionTrue {
		env.t.Errorf("%s\nwant the User to be Ready, got %s: %s", reason, c.Reason, c.Message)
	}
}
