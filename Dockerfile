# syntax=docker/dockerfile:1

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev --include=optional
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN node scripts/build.mjs && npm prune --omit=dev
# The embedded PostgreSQL needs links that an npm package cannot hold, and node_modules is read-only later on.
RUN node --input-type=module --eval "\
  const native = await import('./dist/embedded/native.js'); \
  await native.linkLibraries((await native.installedNative()).root)"

FROM node:24-slim
ENV NODE_ENV=production \
    PATGATE_DATA_DIR=/var/lib/patgate \
    PATGATE_LISTEN_POSTGRES=0.0.0.0:6432 \
    PATGATE_LISTEN_HTTP=0.0.0.0:8432 \
    PATGATE_LISTEN_METRICS=0.0.0.0:9432
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
RUN ln -s /app/dist/cli/main.js /usr/local/bin/patgate \
    && install -d -o node -g node -m 0700 /var/lib/patgate
USER node
# All that is ever written: the embedded cluster and development certificates. Run it with --read-only and a tmpfs on /tmp.
VOLUME /var/lib/patgate
EXPOSE 6432 8432 9432
# The first start of the embedded PostgreSQL takes some seconds.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["patgate", "healthcheck"]
ENTRYPOINT ["patgate"]
CMD ["serve"]
