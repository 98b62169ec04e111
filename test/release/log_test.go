//go:build e2e

package release

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// transparencyLog gives receipts for signatures, as Rekor does: signed by a key that verifiers know.
type transparencyLog struct {
	// URL is its address.
	URL string
	// public is its key.
	public []byte

	key *ecdsa.PrivateKey
	id  string
	// entries counts the receipts.
	entries atomic.Int64
}

// newLog starts a transparency log.
func newLog(t *testing.T) *transparencyLog {
	t.Helper()

	l := &transparencyLog{}

	var err error
	if l.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}

	der, err := x509.MarshalPKIXPublicKey(l.key.Public())
	if err != nil {
		t.Fatal(err)
	}

	id := sha256.Sum256(der)
	l.id = hex.EncodeToString(id[:])
	l.public = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})

	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/log/entries", l.add)

	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	l.URL = server.URL

	return l
}

// entry is what a receipt is signed over: this as JSON, with its fields in this order.
type entry struct {
	Body           []byte `json:"body"`
	IntegratedTime int64  `json:"integratedTime"`
	LogID          string `json:"logID"`
	LogIndex       int64  `json:"logIndex"`
}

// add answers with a receipt for the entry in the request.
func (l *transparencyLog) add(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)

		return
	}

	e := entry{Body: body, IntegratedTime: time.Now().Unix(), LogID: l.id, LogIndex: l.entries.Add(1)}

	signed, err := json.Marshal(e)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)

		return
	}

	hash := sha256.Sum256(signed)

	receipt, err := ecdsa.SignASN1(rand.Reader, l.key, hash[:])
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)

		return
	}

	answer, err := json.Marshal(map[string]answer{hex.EncodeToString(hash[:]): {entry: e, Verification: verification{receipt}}})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)

		return
	}

	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(answer)
}

// answer is an entry with its receipt.
type answer struct {
	entry

	Verification verification `json:"verification"`
}

type verification struct {
	SignedEntryTimestamp []byte `json:"signedEntryTimestamp"`
}
