#include "plugin/stack.hpp"

#include <gtest/gtest.h>

#include "plugin/builtin.hpp"

namespace causeway::plugin {
namespace {

std::vector<path::PathView> paths(std::size_t count) {
  std::vector<path::PathView> list(count);
  for (std::size_t i = 0; i < count; ++i)
    list[i].id = static_cast<std::uint32_t>(10 + i);
  return list;
}

LayerAnswer layer(const char* name, std::uint32_t weight, std::vector<std::int64_t> scores) {
  LayerAnswer answer{name, weight, {}};
  for (const std::int64_t score : scores)
    answer.scores.push_back({.score = score, .is_vetoed = false, .reason = name});
  return answer;
}

std::vector<std::int64_t> values(const std::vector<path::Score>& scores) {
  std::vector<std::int64_t> list;
  for (const auto& score : scores)
    list.push_back(score.score);
  return list;
}

TEST(Stack, OneLayerIsTakenAsItIs) {
  const LayerAnswer layers[] = {layer("a", 250, {7, 1'000'000, 7})};
  const auto result = combine(layers, paths(3));
  EXPECT_EQ(values(result), (std::vector<std::int64_t>{7, 1'000'000, 7}));
  EXPECT_EQ(result[1].id, 11U);
  EXPECT_EQ(result[1].reason, "a");
}

TEST(Stack, LayersAreBlendedByWeight) {
  const LayerAnswer layers[] = {layer("a", 700, {1'000'000, 0}), layer("b", 300, {0, 1'000'000})};
  const auto result = combine(layers, paths(2));
  EXPECT_EQ(values(result), (std::vector<std::int64_t>{700'000, 300'000}));
  EXPECT_EQ(result[0].reason, "a: a; b: b");
}

TEST(Stack, TheGreatestWeightsDoNotOverflow) {
  std::vector<LayerAnswer> layers;
  for (int i = 0; i < 8; ++i)
    layers.push_back(layer("x", 1'000'000, {1'000'000, 0}));
  EXPECT_EQ(values(combine(layers, paths(2))), (std::vector<std::int64_t>{1'000'000, 0}));
}

TEST(Stack, TiesGoToTheFirstLayerThatTellsThemApart) {
  const LayerAnswer layers[] = {layer("a", 500, {10, 30, 20}), layer("b", 500, {30, 10, 20})};
  EXPECT_EQ(values(combine(layers, paths(3))), (std::vector<std::int64_t>{20, 22, 21}));
  const LayerAnswer undecided[] = {layer("a", 500, {10, 10}), layer("b", 500, {30, 30})};
  EXPECT_EQ(values(combine(undecided, paths(2))), (std::vector<std::int64_t>{20, 20}));
}

TEST(Stack, RoundingNeverHidesADifference) {
  const LayerAnswer layers[] = {layer("a", 999, {5, 5}), layer("b", 1, {0, 1})};
  const auto result = values(combine(layers, paths(2)));
  EXPECT_LT(result[0], result[1]);
}

TEST(Stack, AVetoExcludesUnlessAllAreVetoed) {
  LayerAnswer layers[] = {layer("a", 500, {9, 1}), layer("b", 500, {9, 1})};
  layers[1].scores[0].is_vetoed = true;
  auto result = combine(layers, paths(2));
  EXPECT_TRUE(result[0].vetoed);
  EXPECT_FALSE(result[1].vetoed);
  layers[0].scores[1].is_vetoed = true;
  result = combine(layers, paths(2));
  EXPECT_FALSE(result[0].vetoed);
  EXPECT_FALSE(result[1].vetoed);
}

TEST(Stack, NoPathsNoScores) {
  const LayerAnswer layers[] = {layer("a", 500, {}), layer("b", 500, {})};
  EXPECT_TRUE(combine(layers, {}).empty());
}

TEST(Builtin, EachBaseHasALocalPreferenceOfItsOwn) {
  std::vector<ice::Candidate> candidates(4);
  candidates[0].base = net::BaseId{1};
  candidates[1].base = net::BaseId{2};
  candidates[2].base = net::BaseId{1};
  candidates[2].type = ice::CandidateType::server_reflexive;
  candidates[3].base = net::BaseId{3};
  candidates[3].type = ice::CandidateType::relayed;
  EXPECT_EQ(
      builtin_rank(candidates),
      (std::vector<std::uint32_t>{(126U << 24) + (65535U << 8) + 255, (126U << 24) + (65534U << 8) + 255,
                                  (100U << 24) + (65535U << 8) + 255, (65533U << 8) + 255}));
}

TEST(Builtin, ScoresKeepTheOrderOfPairPriorities) {
  auto some = paths(4);
  some[0].pair_priority = 5;
  some[1].pair_priority = ~std::uint64_t{0};
  some[2].pair_priority = 5;
  some[3].pair_priority = 6;
  EXPECT_EQ(values(builtin_score(some)), (std::vector<std::int64_t>{333'333, 1'000'000, 333'333, 666'666}));
}

}  // namespace
}  // namespace causeway::plugin
