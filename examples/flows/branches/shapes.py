"""What the steps of BranchFlow share: a module that travels in the code package."""


def square_area(side):
    return side * side


def perimeter(sides):
    return sum(sides)
