package user

import (
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// TestMemorySamePolicy compares pairs of documents one after the other.
func TestMemorySamePolicy(t *testing.T) {
	const (
		read   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::photos/*"]}]}`
		spaced = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/*"}]}`
		write  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject"],"Resource":["arn:aws:s3:::photos/*"]}]}`
	)

	m := &memory{}

	for _, step := range []struct {
		reason    string
		want, got string
		same      bool
	}{
		{reason: "Two spellings mean the same.", want: read, got: spaced, same: true},
		{reason: "A pair that was compared before still means the same.", want: read, got: spaced, same: true},
		{reason: "An edited policy differs.", want: read, got: write},
		{reason: "An edited policy still differs the second time.", want: read, got: write},
		{reason: "A policy differs from changed grants.", want: write, got: spaced},
		{reason: "A restored policy means the same.", want: read, got: read, same: true},
	} {
		if got := m.samePolicy([]byte(step.want), []byte(step.got)); got != step.same {
			t.Errorf("%s\nsamePolicy(...): want %t, got %t", step.reason, step.same, got)
		}
	}

	if m.comparedPolicies == (memory{}).comparedPolicies {
		t.Error("samePolicy(...): want the last pair that means the same to be remembered")
	}
}

// TestForgetWithoutDelete wants a User to be forgotten once it no longer exists, also
// if Delete was never called for it, as with management policies without Delete.
func TestForgetWithoutDelete(t *testing.T) {
	env := newReadyEnv(t)

	if *env.memories.Of(env.user) == (memory{}) {
		t.Fatal("want a verified User to be remembered")
	}

	// The controller reads Users by such a client, which calls the kind's Forget.
	kube := reconciler.NewChangeOnlyClient(env.kube, env.kube, &miniov1alpha1.User{}, kind(env.memories).Forget)
	read := func() error {
		return kube.Get(t.Context(), client.ObjectKeyFromObject(env.user), &miniov1alpha1.User{})
	}

	if err := read(); err != nil || *env.memories.Of(env.user) == (memory{}) {
		t.Errorf("want a User that exists to be remembered, got %v", err)
	}

	if err := env.kube.Delete(t.Context(), env.user); err != nil {
		t.Fatal(err)
	}

	if err := read(); client.IgnoreNotFound(err) != nil || err == nil {
		t.Fatalf("want the User to be gone, got %v", err)
	}

	if m := *env.memories.Of(env.user); m != (memory{}) {
		t.Errorf("want a User that no longer exists to be forgotten, got %+v", m)
	}
}

// TestDueAfterFailedWrites lets the write of a status fail again and again that makes a revocation
// due now instead of later, and wants it to follow at once, not with the next poll.
func TestDueAfterFailedWrites(t *testing.T) {
	m, now := &memory{}, time.Now()
	later, due := dueAction{what: "revoke", at: now.Add(time.Hour)}, dueAction{what: "revoke", at: now}

	for range 3 {
		m.begin(later, now)

		if next := m.next(due, now); !next.Equal(due.at) {
			t.Errorf("next(...): want what became due to be done now, got %v", next)
		}
	}

	m.begin(due, now)

	if next := m.next(due, now); !next.IsZero() {
		t.Errorf("next(...): want what was not done to wait for the next poll, got %v", next)
	}
}
