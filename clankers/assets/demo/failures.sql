SELECT source, tool_name AS tool, exit_code AS exit, substr(tool_input, 1, 70) AS input
FROM tools WHERE success = 0 ORDER BY created_at
