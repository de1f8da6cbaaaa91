#!/bin/sh
# Run once by the postgres image, when its volume is empty: one role and database for the gateway's store, and one for the
# engine that people query. Neither role is a superuser, and the engine's role cannot reach the store.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  --set store="$(cat /run/secrets/store_password)" \
  --set engine="$(cat /run/secrets/engine_password)" <<'SQL'
CREATE ROLE patgate_store LOGIN PASSWORD :'store';
CREATE DATABASE patgate_store OWNER patgate_store;
REVOKE CONNECT ON DATABASE patgate_store FROM PUBLIC;
CREATE ROLE analytics LOGIN PASSWORD :'engine';
CREATE DATABASE analytics OWNER analytics;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
SQL
