#include "protocol/rpc.hpp"

#include <gtest/gtest.h>

namespace causeway::protocol {
namespace {

TEST(Rpc, request_goes_there_and_back) {
  const auto message = parse_message(make_request(7, "query", {{"addresses", "*"}}));
  ASSERT_TRUE(message);
  const auto& request = std::get<Request>(*message);
  EXPECT_EQ(request.id, 7U);
  EXPECT_EQ(request.method, "query");
  EXPECT_EQ(request.params, Json({{"addresses", "*"}}));
}

TEST(Rpc, missing_params_are_an_empty_object) {
  const auto message = parse_message(R"({"jsonrpc":"2.0","id":0,"method":"ping"})");
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<Request>(*message).params, Json::object());
}

TEST(Rpc, notification_has_no_id) {
  const auto message = parse_message(make_notification("shutdown", {{"retry_after_ms", 5}}));
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<Notification>(*message).method, "shutdown");
}

TEST(Rpc, result_and_error_go_there_and_back) {
  const auto result = parse_message(make_result(3, {{"a", 1}}));
  ASSERT_TRUE(result);
  EXPECT_EQ(std::get<Json>(std::get<Reply>(*result).outcome), Json({{"a", 1}}));
  const RpcError error{ErrorCode::try_later, "slowly", 250};
  const auto failed = parse_message(make_error(4, error));
  ASSERT_TRUE(failed);
  EXPECT_EQ(std::get<Reply>(*failed).id, 4U);
  EXPECT_EQ(std::get<RpcError>(std::get<Reply>(*failed).outcome), error);
}

TEST(Rpc, error_without_id_is_a_reply) {
  const auto message = parse_message(make_error({}, {ErrorCode::parse_error, "not JSON"}));
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<Reply>(*message).id, std::nullopt);
}

TEST(Rpc, wrong_envelopes_name_the_problem_and_the_id_where_there_is_one) {
  struct Case {
    const char* line;
    ErrorCode code;
    std::optional<std::uint64_t> id;
  };
  for (const Case& one : {
           Case{"garbage", ErrorCode::parse_error, {}},
           Case{"[]", ErrorCode::invalid_request, {}},
           Case{"{}", ErrorCode::invalid_request, {}},
           Case{R"({"jsonrpc":"1.0","id":1,"method":"ping"})", ErrorCode::invalid_request, 1},
           Case{R"({"jsonrpc":"2.0","id":-1,"method":"ping"})", ErrorCode::invalid_request, {}},
           Case{R"({"jsonrpc":"2.0","id":"1","method":"ping"})", ErrorCode::invalid_request, {}},
           Case{R"({"jsonrpc":"2.0","id":9007199254740992,"method":"ping"})", ErrorCode::invalid_request, {}},
           Case{R"({"jsonrpc":"2.0","id":2})", ErrorCode::invalid_request, 2},
           Case{R"({"jsonrpc":"2.0","id":2,"method":1})", ErrorCode::invalid_request, 2},
           Case{R"({"jsonrpc":"2.0","id":2,"method":"ping","params":[1]})", ErrorCode::invalid_request, 2},
           Case{R"({"jsonrpc":"2.0","id":2,"error":{"message":"no code"}})", ErrorCode::invalid_request, 2},
       }) {
    const auto message = parse_message(one.line);
    ASSERT_FALSE(message) << one.line;
    EXPECT_EQ(message.error().error.code, one.code) << one.line;
    EXPECT_EQ(message.error().id, one.id) << one.line;
  }
}

TEST(Rpc, codes_have_the_names_of_the_table) {
  EXPECT_EQ(to_string(ErrorCode::token_used), "token_used");
  EXPECT_EQ(to_string(ErrorCode::stale), "stale");
  EXPECT_EQ(to_string(static_cast<ErrorCode>(999)), "error");
}

}  // namespace
}  // namespace causeway::protocol
