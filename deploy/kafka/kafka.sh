#!/usr/bin/env bash
# Runs one Apache Kafka (KRaft, one node) for demos and tests.
#
#   kafka.sh DATA_FOLDER BROKER_PORT CONTROLLER_PORT
#   kafka.sh fetch
#
# Fetches Kafka with Maven once, formats DATA_FOLDER unless it is, starts, and
# prints "ready 127.0.0.1:BROKER_PORT" once the broker serves. Stays in the
# foreground; SIGTERM and SIGINT stop the broker, and so does the death of the
# process that started it. The broker's own words are in DATA_FOLDER/kafka.out,
# its process id in DATA_FOLDER/broker.pid.
#
# KBWATCH_KAFKA_VERSION (4.1.1), KBWATCH_CACHE (~/.cache/kbwatch),
# KBWATCH_KAFKA_HEAP (512m), KBWATCH_KAFKA_EPHEMERAL (yes: DATA_FOLDER is
# removed at the end), KBWATCH_KAFKA_ADVERTISED (the broker's own address: what
# clients are told to connect to), KBWATCH_KAFKA_USER, _PASSWORD and _GUEST
# (clients show a name and this password, by SASL PLAIN without TLS; the user may
# do everything, the guest nothing).
# Exits 64 for wrong usage, 69 when Java, Maven or Kafka cannot be had, 70 when
# the broker does not start or dies.
set -euo pipefail

version="${KBWATCH_KAFKA_VERSION:-4.1.1}"
cache="${KBWATCH_CACHE:-$HOME/.cache/kbwatch}"
libs="$cache/kafka-$version/libs"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
started_by="$PPID"

fail() {
    local code="$1"
    shift
    echo "kafka.sh: $*" >&2
    exit "$code"
}

need() {
    command -v "$1" >/dev/null || fail 69 "$1 is missing: $2"
}

fetch() {
    [ -d "$libs" ] && return
    need mvn "install Maven (Debian: apt-get install maven)"
    local part="$libs.part.$$"
    mkdir -p "$part"
    echo "kafka.sh: fetching Apache Kafka $version" >&2
    mvn -q -B -f "$here/pom.xml" "-Dkafka.version=$version" \
        dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$part" >&2 ||
        { rm -rf "$part"; fail 69 "Maven could not fetch Apache Kafka $version"; }
    # Whole or not at all, and no harm if someone else was faster.
    mv -T "$part" "$libs" 2>/dev/null || rm -rf "$part"
    [ -d "$libs" ] || fail 69 "$libs could not be made"
}

configure() {
    mkdir -p "$data/log"
    cat >"$data/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller_port
listeners=PLAINTEXT://127.0.0.1:$broker_port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://${KBWATCH_KAFKA_ADVERTISED:-127.0.0.1:$broker_port}
controller.listener.names=CONTROLLER
log.dirs=$data/log
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.cleaner.dedupe.buffer.size=8388608
PROPERTIES
    [ -z "${KBWATCH_KAFKA_USER:-}" ] || guard
    cat >"$data/log4j2.properties" <<'PROPERTIES'
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c: %m%n
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=INFO
PROPERTIES
}

# Clients say who they are, and may do what the authorizer allows.
guard() {
    local user="$KBWATCH_KAFKA_USER" password="$KBWATCH_KAFKA_PASSWORD" guest="$KBWATCH_KAFKA_GUEST"
    sed -i 's|PLAINTEXT://|SASL_PLAINTEXT://|' "$data/server.properties"
    cat >>"$data/server.properties" <<PROPERTIES
listener.security.protocol.map=CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
inter.broker.listener.name=SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:$user
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="$user" password="$password" user_$user="$password" user_$guest="$password";
PROPERTIES
}

# Takes the place of its subshell, so that signals reach Java itself.
run_java() {
    exec java "-Xmx${KBWATCH_KAFKA_HEAP:-512m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        "-Dlog4j2.configurationFile=$data/log4j2.properties" -cp "$libs/*" "$@"
}

stop() {
    trap - TERM INT
    kill -TERM "$broker" 2>/dev/null || true
    for _ in $(seq 100); do
        kill -0 "$broker" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$broker" 2>/dev/null || true
    wait "$broker" 2>/dev/null || true
    [ "${KBWATCH_KAFKA_EPHEMERAL:-}" != yes ] || rm -rf "$data"
    exit 0
}

case "$#:${1:-}" in
    1:fetch) fetch && exit 0 ;;
    3:*) ;;
    *) fail 64 "usage: kafka.sh DATA_FOLDER BROKER_PORT CONTROLLER_PORT | kafka.sh fetch" ;;
esac
mkdir -p "$1"
data="$(cd "$1" && pwd)" broker_port="$2" controller_port="$3"

need java "install Java 17 (Debian: apt-get install openjdk-17-jre-headless)"
fetch
configure
if [ ! -f "$data/log/meta.properties" ]; then
    (run_java kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qg \
        -c "$data/server.properties") >"$data/format.out" 2>&1 ||
        fail 70 "formatting $data failed: $(tail -n 1 "$data/format.out")"
fi

broker=
trap stop TERM INT
run_java kafka.Kafka "$data/server.properties" >"$data/kafka.out" 2>&1 &
broker=$!
echo "$broker" >"$data/broker.pid"
for _ in $(seq 600); do
    grep -q "Kafka Server started" "$data/kafka.out" && break
    kill -0 "$broker" 2>/dev/null || fail 70 "the broker died: $(tail -n 1 "$data/kafka.out")"
    sleep 0.1
done
grep -q "Kafka Server started" "$data/kafka.out" || { kill -KILL "$broker"; fail 70 "the broker did not start in 60 s"; }
echo "ready 127.0.0.1:$broker_port"

while kill -0 "$broker" 2>/dev/null; do
    kill -0 "$started_by" 2>/dev/null || stop
    sleep 0.5
done
fail 70 "the broker died: $(tail -n 1 "$data/kafka.out")"
