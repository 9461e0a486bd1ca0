// The button is there only where it does something.
const print = document.getElementById("print");
print.hidden = false;
print.addEventListener("click", () => window.print());
