package reconciler

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	corev1 "k8s.io/api/core/v1"
)

// TestMemory expects what is remembered of an object to last until the object is gone.
func TestMemory(t *testing.T) {
	object := func(name, uid string) client.Object {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: name, UID: types.UID(uid)}}
	}

	cases := map[string]struct {
		reason string
		object client.Object
		forget string
		want   int
	}{
		"Same":        {reason: "What was remembered of an object is found.", object: object("one", "1"), want: 7},
		"OtherName":   {reason: "Nothing is known of another object.", object: object("two", "2"), want: 0},
		"SameName":    {reason: "Nothing is known of a new object of the same name.", object: object("one", "3"), want: 0},
		"Forgotten":   {reason: "Nothing is kept of an object that is gone.", object: object("one", "1"), forget: "one", want: 0},
		"OtherIsGone": {reason: "What is remembered of other objects stays.", object: object("one", "1"), forget: "two", want: 7},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m := NewMemory[int]()
			*m.Of(object("one", "1")) = 7

			if tc.forget != "" {
				m.Forget(client.ObjectKey{Namespace: "team-a", Name: tc.forget})
			}

			if got := *m.Of(tc.object); got != tc.want {
				t.Errorf("%s: want %d, got %d", tc.reason, tc.want, got)
			}
		})
	}
}
