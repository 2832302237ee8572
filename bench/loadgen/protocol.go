package main

// The client half of docs/protocol.md that a load generator needs: keys, proofs, envelopes.
// Envelopes are sealed before the clock starts; proofs are signed inside it, as a real client must.

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
)

var b64 = base64.RawURLEncoding

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	must(rand.Read(b))
	return b
}

func hash43[T string | []byte](data T) string {
	sum := sha256.Sum256([]byte(data))
	return b64.EncodeToString(sum[:])
}

// jcs works because encoding/json sorts the keys of maps; no value here needs HTML escapes.
func jcs(value map[string]any) []byte { return must(json.Marshal(value)) }

func jwkOf(key *ecdh.PublicKey) map[string]any {
	point := key.Bytes()
	return map[string]any{"crv": "P-256", "kty": "EC", "x": b64.EncodeToString(point[1:33]), "y": b64.EncodeToString(point[33:])}
}

func thumbprint(jwk map[string]any) string { return hash43(jcs(jwk)) }

// identity is a signature key, an encryption key and the keyset that binds them.
type identity struct {
	id     string
	sig    *ecdsa.PrivateKey
	enc    *ecdh.PrivateKey
	keyset string
}

func newIdentity(name string, now int64) *identity {
	sig := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	enc := must(ecdh.P256().GenerateKey(rand.Reader))
	jwk := jwkOf(must(sig.PublicKey.ECDH()))
	one := &identity{id: thumbprint(jwk), sig: sig, enc: enc}
	one.keyset = one.sign("letterlock-keyset+jws", jcs(map[string]any{
		"enc": jwkOf(enc.PublicKey()), "iat": now, "name": name, "seq": 1, "sig": jwk,
	}))
	return one
}

func (one *identity) sign(typ string, payload []byte) string {
	input := b64.EncodeToString([]byte(fmt.Sprintf(`{"alg":"ES256","typ":%q,"kid":%q}`, typ, one.id))) + "." + b64.EncodeToString(payload)
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, one.sig, digest[:])
	if err != nil {
		panic(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return input + "." + b64.EncodeToString(signature)
}

// proof signs one request; the claims are written in JCS order by hand, since this is inside the clock.
func (one *identity) proof(method, target, bodyHash, nonce, exporter string, now int64) string {
	return one.sign("letterlock-proof+jws", fmt.Appendf(nil,
		`{"bh":"%s","cb":"%s","htm":"%s","htu":"%s","iat":%d,"nonce":"%s"}`, bodyHash, exporter, method, target, now, nonce))
}

func derive(key, salt []byte, label string) []byte {
	return must(hkdf.Key(sha256.New, key, salt, "letterlock/v1/"+label, 32))
}

func gcm(key []byte) cipher.AEAD { return must(cipher.NewGCM(must(aes.NewCipher(key)))) }

func compactJWE(header, wrappedKey, contentKey, plaintext []byte) string {
	protected := b64.EncodeToString(header)
	iv := randomBytes(12)
	sealed := gcm(contentKey).Seal(nil, iv, plaintext, []byte(protected))
	split := len(sealed) - 16
	return protected + "." + b64.EncodeToString(wrappedKey) + "." + b64.EncodeToString(iv) + "." +
		b64.EncodeToString(sealed[:split]) + "." + b64.EncodeToString(sealed[split:])
}

// wrapKey is RFC 3394 AES key wrap.
func wrapKey(kek, key []byte) []byte {
	block := must(aes.NewCipher(kek))
	n := len(key) / 8
	a := []byte{0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6}
	r := slices.Clone(key)
	buffer := make([]byte, 16)
	for j := range 6 {
		for i := range n {
			copy(buffer, a)
			copy(buffer[8:], r[i*8:i*8+8])
			block.Encrypt(buffer, buffer)
			binary.BigEndian.PutUint64(a, binary.BigEndian.Uint64(buffer)^uint64(n*j+i+1))
			copy(r[i*8:], buffer[8:])
		}
	}
	return append(a, r...)
}

// agreedKey is the concat KDF of RFC 7518 §4.6 for A256KW, without apu and apv.
func agreedKey(shared []byte) []byte {
	input := append([]byte{0, 0, 0, 1}, shared...)
	input = append(input, 0, 0, 0, 14)
	input = append(input, "ECDH-ES+A256KW"...)
	input = append(input, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)
	sum := sha256.Sum256(input)
	return sum[:]
}

func sealSlot(fileKey []byte, to *ecdh.PublicKey, eh string) string {
	ephemeral := must(ecdh.P256().GenerateKey(rand.Reader))
	header := must(json.Marshal(struct {
		Alg string         `json:"alg"`
		Enc string         `json:"enc"`
		Typ string         `json:"typ"`
		Kid string         `json:"kid"`
		Eh  string         `json:"eh"`
		Epk map[string]any `json:"epk"`
	}{"ECDH-ES+A256KW", "A256GCM", "letterlock-slot+jwe", thumbprint(jwkOf(to)), eh, jwkOf(ephemeral.PublicKey())}))
	contentKey := randomBytes(32)
	return compactJWE(header, wrapKey(agreedKey(must(ephemeral.ECDH(to))), contentKey), contentKey, fileKey)
}

// sealEnvelope makes one one-time envelope and returns its id and the body of POST /v1/wraps.
func sealEnvelope(writer, reader *identity, path string, content []byte, now int64) (string, []byte) {
	fileKey, id := randomBytes(32), randomBytes(16)
	header := jcs(map[string]any{
		"enc": "inline", "exp": now + 86_400, "iat": now, "id": b64.EncodeToString(id), "kc": b64.EncodeToString(derive(fileKey, id, "commit")),
		"kind": "once", "mode": "e2e", "path": path, "rcp": []string{"k:" + reader.id}, "v": 1, "ver": 1, "win": 60, "wrt": writer.id,
	})
	sum := sha256.Sum256(header)
	eh := b64.EncodeToString(sum[:])
	content = append([]byte("{}\n"), content...)
	padded := make([]byte, (4+len(content)+255)/256*256)
	binary.BigEndian.PutUint32(padded, uint32(len(content)))
	copy(padded[4:], content)
	payload := compactJWE(fmt.Appendf(nil, `{"alg":"dir","enc":"A256GCM","typ":"letterlock-payload+jwe","eh":%q}`, eh), nil, derive(fileKey, sum[:], "payload"), padded)
	slot := sealSlot(fileKey, reader.enc.PublicKey(), eh)
	signature := writer.sign("letterlock-env+jws", jcs(map[string]any{"eh": eh, "ph": hash43(payload), "sh": []string{hash43(slot)}}))
	return b64.EncodeToString(id), jcs(map[string]any{"hdr": b64.EncodeToString(header), "payload": payload, "sig": signature, "slots": []string{slot}, "v": 1})
}
