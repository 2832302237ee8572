# In the writer pod: makes a password and writes it. It prints the password's hash, never the password.
password=$(head -c 24 /dev/urandom | base64)
printf %s "$password" | sha256sum
printf '{"username":"orders","password":"%s"}' "$password" |
  curl --silent --output /dev/null --write-out 'HTTP %{http_code}\n' --unix-socket /run/letterlock/agent.sock \
    --request PUT --header 'Content-Type: application/json' --data-binary @- \
    --header "Letterlock-Writer-Token: $(cat /var/run/secrets/letterlock.dev/writer/token)" \
    http://localhost/v1/bindings/shop/orders-db/secrets/db
