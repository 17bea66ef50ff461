// What sealing and opening one message costs: hot cache, out of place, the key schedule made once, no
// associated data, as in a compact message.
#include <benchmark/benchmark.h>

#include <string>

#include "crypto/aead.hpp"

namespace causeway::crypto {
namespace {

void seal(benchmark::State& state, AeadAlgorithm algorithm, AeadImplementation implementation) {
  const Bytes plaintext(static_cast<std::size_t>(state.range(0)), 0x5a);
  Bytes sealed(plaintext.size() + kAeadTagBytes);
  AeadSealer sealer{algorithm, {}, implementation};
  std::uint64_t counter = 0;
  for (auto _ : state) {
    sealer.seal(counter++, {}, plaintext, 0, sealed);
    benchmark::DoNotOptimize(sealed.data());
  }
  state.SetBytesProcessed(state.range(0) * state.iterations());
}

void open(benchmark::State& state, AeadAlgorithm algorithm, AeadImplementation implementation) {
  const Bytes plaintext(static_cast<std::size_t>(state.range(0)), 0x5a);
  Bytes sealed(plaintext.size() + kAeadTagBytes), opened(plaintext.size());
  AeadSealer{algorithm, {}, implementation}.seal(7, {}, plaintext, 0, sealed);
  AeadOpener opener{algorithm, {}, implementation};
  for (auto _ : state) {
    if (!opener.open(7, {}, sealed, opened)) state.SkipWithError("not opened");
    benchmark::DoNotOptimize(opened.data());
  }
  state.SetBytesProcessed(state.range(0) * state.iterations());
}

/// What a new session costs the data loop.
void expand_key(benchmark::State& state, AeadAlgorithm algorithm, AeadImplementation implementation) {
  for (auto _ : state)
    benchmark::DoNotOptimize(AeadSealer{algorithm, {}, implementation});
}

void add(AeadAlgorithm algorithm, AeadImplementation implementation) {
  const std::string name = std::string{aead_algorithm_name(algorithm)} + " " +
                           std::string{aead_implementation_name(implementation)};
  for (const std::int64_t bytes : {64, 512, 1400}) {
    benchmark::RegisterBenchmark((name + " seal").c_str(), seal, algorithm, implementation)->Arg(bytes);
    benchmark::RegisterBenchmark((name + " open").c_str(), open, algorithm, implementation)->Arg(bytes);
  }
  benchmark::RegisterBenchmark((name + " key").c_str(), expand_key, algorithm, implementation);
}

}  // namespace
}  // namespace causeway::crypto

int main(int count, char** words) {
  using namespace causeway::crypto;
  if (is_available(AeadImplementation::ipsec_mb)) {
    add(AeadAlgorithm::aes_256_gcm, AeadImplementation::ipsec_mb);
  }
  add(AeadAlgorithm::aes_256_gcm, AeadImplementation::openssl);
  add(AeadAlgorithm::chacha20_poly1305, AeadImplementation::openssl);
  benchmark::Initialize(&count, words);
  benchmark::RunSpecifiedBenchmarks();
}
