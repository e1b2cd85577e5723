# Build with the whole tree, run with production dependencies only and without root.
FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY tools tools
# Adversaries are for tests only.
RUN npm run build && npm prune --omit=dev && rm -r dist/src/simulator

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist/src dist/src
COPY config config
RUN install -d -o node -g node -m 0700 /home/node/bank
USER node
VOLUME /home/node/bank
# Consensus over libp2p; JSON-RPC and metrics. A home's config.yaml may name other ports.
EXPOSE 26600 26601
# SIGTERM drains and closes the store; the node answers within ten seconds.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/dist/src/cli/main.js"]
CMD ["node", "--home", "/home/node/bank"]
